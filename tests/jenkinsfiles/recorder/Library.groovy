import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.customizers.ImportCustomizer

/** The shared library's vars/, and the compiler for them and for Jenkinsfiles. */
class Library {
    final Map<String, Class> vars = [:]
    final GroovyShell shell

    Library(Map<String, String> sources) {
        CompilerConfiguration configuration = new CompilerConfiguration(scriptBaseClass: PipelineScript.name)
        ImportCustomizer imports = new ImportCustomizer()
        imports.addImport('Library', SharedLibrary.name)
        configuration.addCompilationCustomizers(imports)
        shell = new GroovyShell(Library.classLoader, new Binding(), configuration)
        sources.each { name, text -> vars[name] = shell.parse(text, "${name}.groovy".toString()).getClass() }
    }

    PipelineScript compile(String text) {
        PipelineScript script = (PipelineScript) shell.parse(text, 'Jenkinsfile')
        script.setBinding(new Binding())
        script
    }
}
