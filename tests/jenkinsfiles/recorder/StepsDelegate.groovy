/** Delegate of a closure of steps. */
class StepsDelegate {
    private final Build of

    StepsDelegate(Build of) {
        this.of = of
    }

    @Override
    Object invokeMethod(String name, Object arguments) {
        this.@of.invoke(name, (arguments as Object[]) as List)
    }

    @Override
    Object getProperty(String name) {
        this.@of.global(name)
    }

    @Override
    void setProperty(String name, Object value) {
        this.@of.assign(name, value)
    }
}
