/** Steps as Jenkins performs them: parameters are checked, blocks nest, what takes longer than its limits is cut, and everything is written down. */
class Steps {
    static final double GRACE = 1d // minutes that TimeoutStepExecution leaves to what it interrupted
    final Build build
    private final Map<String, String> known = [:] // value -> variable of every secret that was ever bound

    Steps(Build build) {
        this.build = build
    }

    /** A closure of steps, here and now. */
    Object within(Closure body) {
        Closure copy = (Closure) body.clone()
        copy.delegate = new StepsDelegate(build)
        copy.resolveStrategy = Closure.DELEGATE_FIRST
        copy.call()
    }

    Object perform(String name, List given) {
        if (Vocabulary.BINDINGS.containsKey(name) && !(given && given.last() instanceof Closure)) {
            return [binding: name] + checked(name, Vocabulary.BINDINGS[name], given)
        }
        if (Vocabulary.SYMBOLS.containsKey(name)) {
            return [symbol: name] + checked(name, Vocabulary.SYMBOLS[name], given)
        }
        Map step = Vocabulary.STEPS[name]
        if (step == null) {
            throw new Wrong("${name} is no step")
        }
        Closure body = given && given.last() instanceof Closure ? (Closure) given.last() : null
        if ((body != null) != (step.block ?: false)) {
            throw new Wrong("${name} ${step.block ? 'needs' : 'has no'} block")
        }
        Map arguments = named(name, body == null ? given : given.init())
        if (step.node && build.context.agent == null) {
            throw new Wrong("${name} needs an agent, and there is none")
        }
        body == null ? single(name, arguments) : block(name, arguments, body)
    }

    Map named(String name, List given) {
        checked(name, Vocabulary.STEPS[name].takes, given)
    }

    private static Map checked(String name, List<String> takes, List given) {
        if (!given) {
            return [:]
        }
        if (given.size() > 1) {
            throw new Wrong("${name} takes one value, or named ones, not ${given}")
        }
        Map arguments = given[0] instanceof Map && !given[0].containsKey('scm') ? (Map) given[0] : [(takes ? takes[0] : 'nothing'): given[0]]
        Set<String> unknown = arguments.keySet() - takes
        if (unknown) {
            throw new Wrong("${name} has no parameter ${unknown.join(', ')}")
        }
        arguments.collectEntries { key, value -> [key, value instanceof GString ? value.toString() : value] }
    }

    private Object block(String name, Map arguments, Closure body) {
        Map wrapper = build.started([name: name, origin: 'step'] + arguments)
        Context inner = build.context.within(wrappers: build.context.wrappers + [wrapper])
        if (name == 'withCredentials') {
            Map<String, String> bound = (arguments.bindings as List<Map>).collectEntries { variables(it) }
            inner = inner.within(secrets: inner.secrets + bound, env: inner.env + bound)
        } else if (name == 'withEnv') {
            inner = inner.within(env: inner.env + (arguments.overrides as List).collectEntries { "${it}".split('=', 2) as List })
        }
        if (name in ['catchError', 'warnError']) {
            return caught((name == 'warnError' ? [buildResult: 'UNSTABLE'] : [:]) + arguments, inner, body)
        }
        build.nested(inner) { within(body) }
    }

    private Object caught(Map arguments, Context inner, Closure body) {
        try {
            return build.nested(inner) { within(body) }
        } catch (Failed error) {
            build.worsen((String) (arguments.buildResult ?: 'FAILURE'))
        } catch (Interrupted error) {
            if (arguments.catchInterruptions == false) {
                throw error
            }
            build.worsen('ABORTED')
        }
        null
    }

    private Map<String, String> variables(Map binding) {
        String id = binding.credentialsId
        switch (binding.binding) {
            case 'azureServicePrincipal':
                return ['AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID'].collectEntries { [it, secretOf(id, it)] }
            case 'usernamePassword':
                return [binding.usernameVariable, binding.passwordVariable].collectEntries { [it, secretOf(id, (String) it)] }
            default:
                return [(binding.variable): secretOf(id, (String) binding.variable)]
        }
    }

    String secretOf(String id, String variable) {
        String value = "value-of-${variable}-in-${id}"
        known[value] = variable
        value
    }

    private Object single(String name, Map arguments) {
        Map rule = (Map) ((List) (build.scenario.rules ?: [])).find { Map it -> it.step == name && matches(it, arguments) } ?: [:]
        Map event = record(name, arguments)
        event.outcome = 'ok'
        try {
            spend(rule.endless ? Double.POSITIVE_INFINITY : (rule.minutes ?: 1) as double, rule, event)
            return outcome(name, arguments, rule)
        } catch (Failed error) {
            event.outcome = 'failed'
            throw error
        } finally {
            event.ended = build.clock
        }
    }

    private boolean matches(Map rule, Map arguments) {
        String text = arguments.values().join(' ')
        (!rule.containsKey('holds') || text.contains((String) rule.holds)) &&
            (!rule.cell || build.context.cell.values().any { it == rule.cell }) && (!rule.containsKey('post') || build.context.post == rule.post)
    }

    private Map record(String name, Map arguments) {
        Context here = build.context
        String text = "${arguments}"
        Map event = [
            step   : name, arguments: arguments.collectEntries { key, value -> [key, value instanceof Map || value instanceof List ? "${value}".toString() : value] },
            stages : here.stages, cell: here.cell, agent: here.agent, post: here.post, began: build.clock,
            wrappers: here.wrappers.collect { Map it -> it.findAll { entry -> entry.key in ['name', 'origin', 'time', 'unit', 'label', 'resource', 'quantity', 'path', 'deadline', 'over'] } },
            env    : here.env.findAll { !here.secrets.containsKey(it.key) }, secrets: here.secrets.keySet().sort(),
            leaks  : known.findAll { text.contains(it.key) }.values().toSet().sort()
        ]
        build.events << event
        event
    }

    /** Let the time pass that a step takes, unless a person or a limit ends it before. */
    private void spend(double minutes, Map rule, Map event) {
        List<Map> limits = build.context.wrappers.findAll { it.name == 'timeout' }
        Map first = limits.min { at(it) }
        double end = build.clock + minutes
        if (rule.aborted) {
            build.clock = Math.min(end, first ? at(first) : end)
            event.outcome = 'aborted'
            throw new Interrupted('Aborted by somebody')
        }
        if (first != null && at(first) < end) {
            event.outcome = first.over ? 'killed' : 'timeout'
            build.clock = Math.max(build.clock, at(first))
            first.over = true
            throw new Interrupted("Timeout of ${first.time} ${first.unit}")
        }
        if (Double.isInfinite(end)) {
            throw new Wrong("${event.step} would never end: nothing limits it")
        }
        build.clock = end
    }

    private static double at(Map limit) {
        (double) limit.deadline + (limit.over ? GRACE : 0d)
    }

    private Object outcome(String name, Map arguments, Map rule) {
        switch (name) {
            case 'sh':
                int code = (rule.exit ?: 0) as int
                if (code != 0 && !arguments.returnStatus) {
                    throw new Failed("script returned exit code ${code}")
                }
                return arguments.returnStatus ? code : arguments.returnStdout ? (rule.prints ?: '') : null
            case 'junit':
                if (rule.missing && !arguments.allowEmptyResults) {
                    throw new Failed('No test report files were found')
                }
                rule.failures ? build.worsen('UNSTABLE') : null
                return null
            case 'error':
                throw new Failed((String) arguments.message)
            case 'unstable':
                build.worsen('UNSTABLE')
                return null
            case 'readJSON':
                return rule.value
            case 'fileExists':
                return !rule.missing
        }
        if (rule.fails) {
            throw new Failed("${name} failed")
        }
        null
    }
}
