import groovy.json.JsonOutput
import groovy.json.JsonSlurper

/** java ... Main REQUEST ANSWER: runs every scenario of the request, in one JVM, and writes one trace for each. */
class Main {
    static void main(String... arguments) {
        Map request = (Map) new JsonSlurper().parse(new File(arguments[0]), 'UTF-8')
        Map<String, Library> libraries = [:]
        List traces = request.scenarios.collect { Map scenario ->
            Library library = libraries.computeIfAbsent(JsonOutput.toJson(scenario.library)) { new Library((Map<String, String>) scenario.library) }
            new Build(scenario, library).run()
        }
        new File(arguments[1]).setText(JsonOutput.toJson([groovy: GroovySystem.version, traces: traces]), 'UTF-8')
    }
}
