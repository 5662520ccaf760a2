import org.codehaus.groovy.ast.ASTNode
import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.ast.stmt.BlockStatement
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.MultipleCompilationErrorsException

/** What Jenkins' own validator refuses before anything runs, found in the syntax tree, so that also what no scenario reaches is looked at. */
class Grammar {
    final List<String> problems = []
    private final Set<String> library

    Grammar(Set<String> library) {
        this.library = library
    }

    static List<String> check(String text, Set<String> library) {
        Grammar grammar = new Grammar(library)
        try {
            List<ASTNode> nodes = new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text)
            grammar.top((BlockStatement) nodes[0])
        } catch (MultipleCompilationErrorsException error) {
            grammar.problems << error.message.readLines().findAll { it.trim() }.join(' ')
        }
        grammar.problems
    }

    private void top(BlockStatement file) {
        List<MethodCallExpression> pipelines = calls(file).findAll { it.methodAsString == 'pipeline' }
        if (pipelines.size() != 1) {
            problems << "there are ${pipelines.size()} blocks pipeline".toString()
            return
        }
        block('pipeline', bodyOf(pipelines[0]))
    }

    private void block(String name, ClosureExpression closure) {
        if (closure == null) {
            return
        }
        Map<String, String> allowed = Vocabulary.BLOCKS[name]
        List<String> seen = []
        statements(closure).each { statement ->
            if (name == 'environment') {
                if (!(statement instanceof ExpressionStatement && statement.expression instanceof BinaryExpression)) {
                    wrong(statement, "only assignments may stand in environment")
                }
                return
            }
            MethodCallExpression call = callOf(statement)
            if (call == null) {
                wrong(statement, "only directives may stand in ${name}")
                return
            }
            String word = call.methodAsString
            if (!allowed.containsKey(word)) {
                wrong(statement, "${word} may not stand in ${name}")
                return
            }
            if (word in seen && word in Vocabulary.ONCE) {
                wrong(statement, "${word} stands twice in ${name}")
            }
            seen << word
            below(statement, word, allowed[word], call)
        }
        complete(closure, name, seen)
    }

    private void below(ASTNode statement, String word, String kind, MethodCallExpression call) {
        ClosureExpression inner = bodyOf(call)
        if (kind == 'LEAF' && inner != null) {
            wrong(statement, "${word} has no block")
        } else if (kind == 'STEPS') {
            steps(word, inner)
        } else if (!(kind in ['LEAF', 'FREE'])) {
            block(kind, inner)
        }
    }

    private void complete(ASTNode node, String name, List<String> seen) {
        Map<String, List<String>> needed = [pipeline: ['agent', 'stages'], stages: ['stage'], matrix: ['axes', 'stages'], axis: ['name']]
        (needed[name] ?: []).findAll { !(it in seen) }.each { wrong(node, "${name} lacks ${it}") }
        if (name == 'stage' && seen.count { it in ['steps', 'stages', 'parallel', 'matrix'] } != 1) {
            wrong(node, 'a stage has one of steps, stages, parallel and matrix')
        }
        if (name in ['post', 'options', 'excludes', 'axes', 'parameters', 'triggers', 'when'] && !seen) {
            wrong(node, "${name} is empty")
        }
    }

    private void steps(String where, ClosureExpression closure) {
        if (closure == null || !statements(closure)) {
            problems << "${where} has no steps".toString()
            return
        }
        statements(closure).each { statement ->
            MethodCallExpression call = callOf(statement)
            if (call == null) {
                wrong(statement, "only steps may stand in ${where}; anything else needs script")
                return
            }
            String name = call.methodAsString
            Map step = Vocabulary.STEPS[name]
            if (step == null && !(name in library)) {
                wrong(statement, "${name} is no step")
            } else if (step != null && name != 'script' && bodyOf(call) != null) {
                steps(name, bodyOf(call))
            }
        }
    }

    private void wrong(ASTNode node, String text) {
        problems << "line ${node.lineNumber}: ${text}".toString()
    }

    private static List<ASTNode> statements(ClosureExpression closure) {
        ((BlockStatement) closure.code).statements
    }

    private static List<MethodCallExpression> calls(BlockStatement block) {
        block.statements.collect { callOf(it) }.findAll { it != null }
    }

    /** The call that a statement is, on nothing in particular: none for `a.b()`, `if`, a declaration. */
    private static MethodCallExpression callOf(ASTNode statement) {
        if (!(statement instanceof ExpressionStatement) || !(statement.expression instanceof MethodCallExpression)) {
            return null
        }
        MethodCallExpression call = statement.expression
        call.implicitThis && call.methodAsString ? call : null
    }

    /** The closure that is a call's last argument. */
    private static ClosureExpression bodyOf(MethodCallExpression call) {
        TupleExpression arguments = (TupleExpression) call.arguments
        ASTNode last = arguments.expressions ? arguments.expressions.last() : null
        last instanceof ClosureExpression ? last : null
    }
}
