/** `env`: what is not set is null, not an error. */
class Env {
    private final Build of

    Env(Build of) {
        this.of = of
    }

    @Override
    Object getProperty(String name) {
        this.@of.context.env[name]
    }
}
