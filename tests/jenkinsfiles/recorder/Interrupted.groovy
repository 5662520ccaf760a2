/** FlowInterruptedException: a person, or a timeout. */
class Interrupted extends Stop {
    Interrupted(String message) {
        super(message, 'ABORTED')
    }
}
