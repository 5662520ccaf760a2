/**
 * One build of one Jenkinsfile in one scenario: the order of things is that of pipeline-model-definition's ModelInterpreter.
 *
 * A stage: its environment, `when` with beforeOptions, its options around all that follows, `when` with beforeAgent, the agent, `when`, what is
 * in it, and its post conditions, still inside its options. Time is virtual, in minutes: every step says how long it takes.
 */
class Build {
    static final List<String> WORST = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']
    final Set<String> symbols = ['logRotator'] as Set
    final Map scenario
    final Library library
    final Steps steps
    final List<Map> events = []
    final List<String> problems = []
    final List<Map> cells = []
    final List<List> declared = []
    final CurrentBuild currentBuild = new CurrentBuild()
    final Map<String, Object> params = [:]
    Context context = new Context(env: [BUILD_NUMBER: '7', WORKSPACE: '/workspace', JENKINS_URL: 'https://ci.example.org/',
                                         JOB_URL: 'https://ci.example.org/job/job/', BUILD_URL: 'https://ci.example.org/job/job/7/'])
    double clock = 0
    private PipelineScript script

    Build(Map scenario, Library library) {
        this.scenario = scenario
        this.library = library
        this.steps = new Steps(this)
        context.env.putAll([JOB_NAME: 'job'] + (Map<String, String>) (scenario.env ?: [:]))
    }

    Map run() {
        problems.addAll(Grammar.check((String) scenario.text, library.vars.keySet()))
        if (!problems) {
            try {
                script = library.compile((String) scenario.text)
                script.setBuild(this)
                script.run()
            } catch (Wrong | GroovyRuntimeException error) {
                problems << "${error.class.simpleName}: ${error.message}".toString()
            }
        }
        [name: scenario.name, problems: problems, result: currentBuild.result ?: 'SUCCESS', events: events, cells: cells, declared: declared,
         minutes: clock, displayName: currentBuild.displayName, description: currentBuild.description ?: '']
    }

    void pipeline(Closure body) {
        Map<String, List> root = directives(body)
        (root.parameters ?: []).each { List it -> Section.read(this, (Closure) it[0]) { name, given -> parameter(name, given) } }
        (root.triggers ?: []).each { List it -> Section.read(this, (Closure) it[0]) { name, given -> declared << ['trigger', name, given] } }
        try {
            stage(root, '', [:])
        } catch (Stop error) {
            worsen(error.result)
        }
    }

    private void parameter(String name, List given) {
        Map named = given[0] instanceof Map ? (Map) given[0] : [name: given[0]]
        declared << ['parameter', name, named]
        Map asked = (Map) (scenario.params ?: [:])
        Object value = asked.containsKey(named.name) ? asked[named.name] : name == 'choice' ? named.choices[0] : (named.defaultValue ?: (name == 'booleanParam' ? false : ''))
        params[(String) named.name] = value
        if (scenario.first) { // the job does not know its parameters yet, so no build of it has them as variables (JENKINS-41929)
            return
        }
        context = context.within(env: context.env + [((String) named.name): "${value}".toString()])
    }

    /** Word -> the arguments of each time that it stands in this block. */
    private Map<String, List> directives(Closure body) {
        Map<String, List> found = [:].withDefault { [] }
        Section.read(this, body) { name, given -> found[name] << given }
        new LinkedHashMap(found)
    }

    /** The whole pipeline (without a name), a stage, or a cell of a matrix. */
    private void stage(Map<String, List> model, String name, Map<String, String> cell) {
        nested(context.within(stages: name ? context.stages + [name] : context.stages, cell: context.cell + cell, env: context.env + cell)) {
            environment(model)
            if (!wanted(model, 'beforeOptions')) {
                return
            }
            wrapped(options(model)) {
                if (!wanted(model, 'beforeAgent')) {
                    return
                }
                nested(context.within(agent: agent(model))) {
                    if (wanted(model, '')) {
                        perform(model)
                    }
                }
            }
        }
    }

    private void environment(Map<String, List> model) {
        (model.environment ?: []).each { List it ->
            Section.read(this, (Closure) it[0]).getAssigned().findAll { it.value instanceof Map }.each { variable, value ->
                String secret = steps.secretOf((String) value.credentials, (String) variable)
                context = context.within(secrets: context.secrets + [(variable): secret], env: context.env + [(variable): secret])
            }
        }
    }

    private String agent(Map<String, List> model) {
        if (!model.agent) {
            return context.agent
        }
        Object given = model.agent[0][0]
        if (!(given instanceof Closure)) {
            return given == 'none' ? null : "${given}".toString()
        }
        String label = null
        Section.read(this, (Closure) given) { name, arguments -> label = "${arguments[0]}" }
        label
    }

    private List<Map> options(Map<String, List> model) {
        List<Map> found = []
        (model.options ?: []).each { List it ->
            Section.read(this, (Closure) it[0]) { name, given ->
                declared << ['option', name, given]
                if (name in Vocabulary.WRAPPERS) {
                    found << ([name: name, origin: 'options'] + steps.named(name, given))
                }
            }
        }
        found
    }

    private void wrapped(List<Map> wrappers, Closure body) {
        nested(context.within(wrappers: context.wrappers + wrappers.collect { started(it) }), body)
    }

    Map started(Map wrapper) {
        Map<String, Double> units = [SECONDS: 1 / 60d, MINUTES: 1d, HOURS: 60d, DAYS: 1440d]
        wrapper.name == 'timeout' ? wrapper + [deadline: clock + (wrapper.time as double) * units[wrapper.unit ?: 'MINUTES'], over: false] : wrapper
    }

    /** Whether the stage runs; asked once, at the time that its `when` names. */
    private boolean wanted(Map<String, List> model, String time) {
        if (!model.when) {
            return true
        }
        Closure body = (Closure) model.when[0][0]
        List<String> early = []
        Section.read(this, body) { name, given -> if (name.startsWith('before') && given[0] == true) { early << name } }
        String when = early.contains('beforeOptions') ? 'beforeOptions' : early.contains('beforeAgent') ? 'beforeAgent' : ''
        when != time || all(body).every { it }
    }

    private List<Boolean> all(Closure body) {
        List<Boolean> answers = []
        Section.read(this, body) { name, given ->
            switch (name) {
                case 'expression': answers << (steps.within((Closure) given[0]) as boolean); break
                case 'changeRequest': answers << context.env.containsKey('CHANGE_ID'); break
                case 'branch': answers << (context.env.BRANCH_NAME == given[0]); break
                case 'environment': answers << (context.env[given[0].name] == given[0].value); break
                case 'allOf': answers << all((Closure) given[0]).every { it }; break
                case 'anyOf': answers << all((Closure) given[0]).any { it }; break
                case 'not': answers << !all((Closure) given[0]).any { it }; break
                case ~/before\w+/: break
                default: throw new Wrong("the recorder does not know the condition ${name}")
            }
        }
        answers
    }

    /** What is in a stage, then its post conditions; rethrows what failed first. */
    private void perform(Map<String, List> model) {
        Throwable failure = null
        String before = currentBuild.stage
        currentBuild.stage = 'SUCCESS'
        try {
            content(model)
        } catch (Stop error) {
            failure = error
            worsen(error.result)
        }
        failure = post(model, failure)
        currentBuild.stage = worst(before ?: 'SUCCESS', currentBuild.stage)
        if (failure != null) {
            throw failure
        }
    }

    private void content(Map<String, List> model) {
        if (model.steps) {
            steps.within((Closure) model.steps[0][0])
        } else if (model.stages) {
            sequence((Closure) model.stages[0][0])
        } else if (model.parallel) {
            List<Closure> branches = []
            Section.read(this, (Closure) model.parallel[0][0]) { name, given -> branches << { stage(directives((Closure) given[1]), (String) given[0], [:]) } }
            parallel(branches)
        } else {
            matrix(directives((Closure) model.matrix[0][0]))
        }
    }

    private void sequence(Closure body) {
        Throwable failure = null
        boolean skipUnstable = declared.any { it[0] == 'option' && it[1] == 'skipStagesAfterUnstable' }
        Section.read(this, body) { word, given ->
            if (failure != null || (skipUnstable && currentBuild.result == 'UNSTABLE')) {
                return
            }
            try {
                stage(directives((Closure) given[1]), (String) given[0], [:])
            } catch (Stop error) {
                failure = error
            }
        }
        if (failure != null) {
            throw failure
        }
    }

    /** All at the same time: each starts when the first does, and the end is that of the last. */
    private void parallel(List<Closure> branches) {
        double began = clock
        double ended = clock
        Throwable failure = null
        branches.each { Closure branch ->
            clock = began
            try {
                branch()
            } catch (Stop error) {
                failure = failure ?: error
            }
            ended = Math.max(ended, clock)
        }
        clock = ended
        if (failure != null) {
            throw failure
        }
    }

    private void matrix(Map<String, List> model) {
        Map<String, List<String>> axes = axesIn((Closure) model.axes[0][0]).collectEntries { [it.name, it.values] }
        List<List<Map>> excludes = []
        (model.excludes ?: []).each { List it -> Section.read(this, (Closure) it[0]) { name, given -> excludes << axesIn((Closure) given[0]) } }
        List<Map<String, String>> found = axes.values().toList().combinations().collect { List values -> [axes.keySet().toList(), values].transpose().collectEntries { it } }
        found = found.findAll { Map point -> !excludes.any { List<Map> parts -> parts.every { it.values ? point[it.name] in it.values : !(point[it.name] in it.notValues) } } }
        cells.addAll(found)
        Map<String, List> inner = model.findAll { !(it.key in ['axes', 'excludes']) }
        parallel(found.collect { Map point ->
            return { stage(inner, "Matrix - ${point.collect { "${it.key} = '${it.value}'" }.join(', ')}".toString(), point) }
        })
    }

    private List<Map> axesIn(Closure body) {
        List<Map> axes = []
        Section.read(this, body) { word, given ->
            Map axis = [:]
            Section.read(this, (Closure) given[0]) { name, values -> axis[name] = name == 'name' ? values[0] : values }
            axes << axis
        }
        axes
    }

    private Throwable post(Map<String, List> model, Throwable failure) {
        Map<String, List> conditions = model.post ? directives((Closure) model.post[0][0]) : [:]
        Throwable first = failure
        for (String condition in Vocabulary.CONDITIONS) { // asked one after the other: what one of them does to the build counts for the next
            if (!conditions[condition] || !holds(condition)) {
                continue
            }
            try {
                nested(context.within(post: condition)) { steps.within((Closure) conditions[condition][0][0]) }
            } catch (Stop error) {
                worsen(error.result)
                first = first ?: error
            }
        }
        first
    }

    private boolean holds(String condition) {
        String now = currentBuild.stage
        String before = (String) scenario.previous
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'changed': return before != null && before != now
            case 'fixed': return now == 'SUCCESS' && before in ['FAILURE', 'UNSTABLE']
            case 'regression': return before != null && WORST.indexOf(now) > WORST.indexOf(before)
            case 'unsuccessful': return now != 'SUCCESS'
            default: return now == condition.toUpperCase()
        }
    }

    void worsen(String result) {
        currentBuild.stage = worst(currentBuild.stage ?: 'SUCCESS', result)
        currentBuild.result = worst(currentBuild.result ?: 'SUCCESS', result)
    }

    private static String worst(String one, String other) {
        WORST.indexOf(one) >= WORST.indexOf(other) ? one : other
    }

    Object nested(Context inner, Closure body) {
        Context outer = context
        context = inner
        try {
            return body()
        } finally {
            context = outer
        }
    }

    /** A step or a global variable of the library, called by name. */
    Object invoke(String name, List given) {
        Class variable = library.vars[name]
        if (variable == null) {
            return steps.perform(name, given)
        }
        PipelineScript called = (PipelineScript) variable.newInstance()
        called.setBuild(this)
        called.call(*given)
    }

    /** A variable that nobody declared: it belongs to the script, and outlives the block. */
    void assign(String name, Object value) {
        script.getBinding().setVariable(name, value)
    }

    /** A bare name in a Jenkinsfile. */
    Object global(String name) {
        switch (name) {
            case 'env': return new Env(this)
            case 'params': return params
            case 'currentBuild': return currentBuild
            case 'scm': return [scm: 'the branch, merged']
        }
        if (script.getBinding().hasVariable(name)) {
            return script.getBinding().getVariable(name)
        }
        if (!context.env.containsKey(name)) {
            throw new Wrong("there is no ${name} here")
        }
        context.env[name]
    }
}
