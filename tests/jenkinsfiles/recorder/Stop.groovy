/** Why a step ended otherwise than by itself, and what its stage becomes by that. */
abstract class Stop extends RuntimeException {
    final String result

    Stop(String message, String result) {
        super(message)
        this.result = result
    }
}
