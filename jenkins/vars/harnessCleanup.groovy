// The teardown that counts: by the ledger, whatever became of the run. It has a limit of its own, since the run's may be over.
void call(String cloud, String credentials, String reports) {
    timeout(time: 30, unit: 'MINUTES') {
        withCloud(cloud, credentials) {
            if (fileExists("${reports}/latest")) {
                harness 'down'
            }
            harness 'sweep --cloud "$CLOUD"'
        }
    }
    dir(reports) { deleteDir() } // only now: the ledger is what a teardown needs
}
