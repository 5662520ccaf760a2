// What a run's folder holds for people. Files are named one by one: kubeconfigs and keys are in the same folder, and match no pattern.
void call(String run) {
    List<String> files = ['index.html', 'summary.md', 'build-log.txt', 'started.json', 'finished.json', 'results.jsonl', 'artifacts/**',
                          'cells/*/logs/**', 'cells/*/failures/**']
    timeout(time: 10, unit: 'MINUTES') {
        catchError(message: 'artifacts are incomplete', buildResult: 'UNSTABLE', stageResult: 'UNSTABLE') {
            archiveArtifacts artifacts: files.collect { "${run}/${it}" }.join(','), allowEmptyArchive: true
        }
        junit testResults: "${run}/artifacts/junit_*.xml", skipOldReports: true, keepProperties: true, keepTestNames: true, stdioRetention: 'FAILED', testDataPublishers: [attachments()]
    }
}
