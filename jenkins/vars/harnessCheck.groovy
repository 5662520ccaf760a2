// The pull request's check on GitHub; a required one has to arrive, also when there was no run.
void call(String name, String reports) {
    timeout(time: 10, unit: 'MINUTES') {
        String text = fileExists("${reports}/latest") ?
            sh(script: 'exec .venv/bin/harness report latest --base "$NIGHTLY_URL" --format markdown', returnStdout: true, label: 'summary') : 'There was no run; see the log.'
        publishChecks name: name, title: 'Kubernetes on Azure', summary: text, conclusion: currentBuild.currentResult == 'SUCCESS' ? 'SUCCESS' : 'FAILURE'
    }
}
