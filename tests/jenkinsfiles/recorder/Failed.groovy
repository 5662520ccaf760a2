/** A step failed: hudson.AbortException. */
class Failed extends Stop {
    Failed(String message) {
        super(message, 'FAILURE')
    }
}
