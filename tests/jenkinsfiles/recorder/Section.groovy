/** Delegate of a block of directives while it is read: each word is handed to its reader, properties are what steps see as well. */
class Section {
    final Build build
    final Closure take
    final Map<String, Object> assigned = [:]

    Section(Build build, Closure take) {
        this.build = build
        this.take = take
    }

    static Section read(Build build, Closure body, Closure take = { name, arguments -> }) {
        Section section = new Section(build, take)
        Closure copy = (Closure) body.clone()
        copy.delegate = section
        copy.resolveStrategy = Closure.DELEGATE_ONLY
        copy.call()
        section
    }

    @Override
    Object invokeMethod(String name, Object arguments) {
        List given = (arguments as Object[]) as List
        if (name in build.symbols) { // logRotator(...) inside buildDiscarder(...)
            return [symbol: name, arguments: given]
        }
        if (name == 'credentials') {
            return [credentials: given[0]]
        }
        take(name, given)
    }

    @Override
    Object getProperty(String name) {
        name in ['any', 'none'] ? name : build.global(name)
    }

    @Override
    void setProperty(String name, Object value) {
        assigned[name] = value
        build.context = build.context.within(env: build.context.env + [(name): "${value}".toString()])
    }
}
