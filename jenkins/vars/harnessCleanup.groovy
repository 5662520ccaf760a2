// The teardown that counts: by the ledger, whatever became of the run. It has a limit of its own, since the run's may be over.
void call(String cloud, String credentials, String reports) {
    timeout(time: 30, unit: 'MINUTES') {
        withCloud(cloud, credentials) {
            try {
                if (fileExists("${reports}/latest")) { harness 'down' }
            } finally {
                harness 'sweep --cloud "$CLOUD"' // the more so when something is left; the build then still ends as the teardown did
            }
        }
    }
    dir(reports) { deleteDir() } // only now, and not after a leak: the ledger is what a teardown needs
}
