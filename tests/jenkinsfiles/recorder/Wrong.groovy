/** The Jenkinsfile does what Jenkins does not know; not a way for a build to end, but one for a scenario. */
class Wrong extends RuntimeException {
    Wrong(String message) {
        super(message)
    }
}
