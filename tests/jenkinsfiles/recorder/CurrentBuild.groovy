/** `currentBuild`, as far as Jenkinsfiles may use it. */
class CurrentBuild {
    String result = null
    String stage = null
    String displayName = ''
    String description = ''

    String getCurrentResult() {
        result ?: 'SUCCESS'
    }
}
