/** Base class of Jenkinsfiles and of vars/: what they do not have themselves is a step, a global variable or the environment. */
abstract class PipelineScript extends Script {
    Build build

    void pipeline(Closure body) {
        build.pipeline(body)
    }

    @Override
    Object getProperty(String name) {
        name == 'build' ? super.getProperty(name) : build.global(name)
    }

    @Override
    Object invokeMethod(String name, Object arguments) {
        if (getMetaClass().respondsTo(this, name, (Object[]) arguments) && name in ['pipeline', 'call', 'run', 'setBuild']) {
            return super.invokeMethod(name, arguments)
        }
        build.invoke(name, (arguments as Object[]) as List)
    }
}
