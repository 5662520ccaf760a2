// Name, description and badge of the build, of each of its runs, as harness publish writes them. Texts may come from a pull request: Jenkins escapes them.
void call(String reports) {
    timeout(time: 10, unit: 'MINUTES') {
        String place = sh(script: "exec .venv/bin/harness publish --to ${reports}/published", returnStdout: true, label: 'harness publish').trim()
        Map told = readJSON(file: "${place}/publication.json", returnPojo: true)
        currentBuild.displayName += ", ${told.display_name}"
        currentBuild.description = [currentBuild.description, told.description].findAll().join('\n')
        addBadge text: told.badge
    }
}
