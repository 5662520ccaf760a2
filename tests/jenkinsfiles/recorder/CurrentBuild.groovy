/** `currentBuild`, as far as Jenkinsfiles may use it. */
class CurrentBuild {
    String result = null
    String stage = null
    String displayName = '#7'
    String description = null

    String getCurrentResult() {
        result ?: 'SUCCESS'
    }
}
