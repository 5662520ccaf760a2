/** Where a step runs: its stage, cell, agent, environment, and everything that is wrapped around it. A copy for every nested block. */
class Context {
    List<String> stages = []
    Map<String, String> cell = [:]
    String agent = null
    String post = ''
    Map<String, String> env = [:]
    Map<String, String> secrets = [:]
    /** Outermost first: name, origin (step or options) and parameters; a timeout has its deadline. */
    List<Map> wrappers = []

    Context within(Map changes) {
        Map now = [stages: stages, cell: cell, agent: agent, post: post, env: env, secrets: secrets, wrappers: wrappers]
        new Context(now + changes)
    }
}
