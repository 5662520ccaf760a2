// One harness command, the same as on a laptop. exec: a shell in between would die of an abort at once, and Jenkins would not wait for the run.
void call(String command) {
    int code = sh(script: "exec .venv/bin/harness ${command}", returnStatus: true, label: "harness ${command}".take(60))
    if (code == 1) {
        unstable('tests failed, or fewer ran than expected')
    } else if (code != 0) {
        error("harness ended with ${code}; docs/reference/exit-codes.md says what that means")
    }
}
