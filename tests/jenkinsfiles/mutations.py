"""Jenkinsfiles with one safety property taken out, each with the check that has to notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .groovy import Scenario, library
from .scenarios import scenario, text

_RUN = """                            timeout(time: 150, unit: 'MINUTES') {
                                withCloud(params.CLOUD, 'kubernetes-azure-nightly') {"""
_CLEANUP = """                    cleanup {
                        harnessCleanup params.CLOUD, 'kubernetes-azure-nightly', env.HARNESS_REPORTS
                    }
"""
_LOCK = """                options {
                    // one cell's worth of quota, taken before an agent is, and kept until post has given the cell back
                    lock(label: 'azure-quota', quantity: 1)
                }
"""
_END = """                }
                post {
                    always {
                        harnessReports "${env.HARNESS_REPORTS}/latest"
"""
_TRY = """            try {
                if (fileExists("${reports}/latest")) { harness 'down' }
            } finally {
"""
_STAGE = """                    stage('Destroy') {
                        steps {
                            harnessCleanup params.CLOUD, 'kubernetes-azure-nightly', env.HARNESS_REPORTS
                        }
                    }
"""


@dataclass(frozen=True)
class Mutation:
    """A text edit: what is caught by which check, in a build of which kind to which something happens."""

    name: str
    kind: str
    check: str
    edits: tuple[tuple[str, str, str], ...]
    """File, old and new text; ``vars/NAME`` is one of the library."""
    happens: tuple[str, ...] = ("success",)
    extra: Mapping[str, object] = field(default_factory=dict)

    def scenarios(self) -> list[Scenario]:
        file = self.kind.partition("-")[0]
        changed, variables = text(file), library()
        for name, old, new in self.edits:
            before = variables[name.removeprefix("vars/")] if name.startswith("vars/") else changed
            assert before.count(old) == 1, f"{self.name}: {name} has {before.count(old)} times: {old}"
            if name.startswith("vars/"):
                variables[name.removeprefix("vars/")] = before.replace(old, new)
            else:
                changed = before.replace(old, new)
        return [
            scenario(self.kind, happens, name=f"{self.name}/{happens}", text=changed, library=variables, **self.extra)
            for happens in self.happens
        ]


def _edit(name: str, kind: str, check: str, old: str, new: str, *happens: str) -> Mutation:
    return Mutation(name, kind, check, ((kind.partition("-")[0], old, new),), happens or ("success",))


def _library(name: str, kind: str, check: str, variable: str, old: str, new: str, *happens: str) -> Mutation:
    return Mutation(name, kind, check, ((f"vars/{variable}", old, new),), happens or ("success",))


# fmt: off
MUTATIONS = (
    # teardown
    _edit("cleanup-dropped", "nightly", "teardown_follows_every_run", _CLEANUP, "", "success", "failure", "abort", "timeout"),
    _edit("cleanup-only-on-success", "nightly", "teardown_follows_every_run", "cleanup {", "success {", "failure", "abort"),
    _edit("cleanup-only-on-failure", "nightly", "teardown_follows_every_run", "cleanup {", "unsuccessful {", "success"),
    _edit("cleanup-in-the-outer-timeout", "nightly", "teardown_is_never_cut_off", _LOCK,
          _LOCK.replace("lock(label", "timeout(time: 170, unit: 'MINUTES')\n                    lock(label"), "timeout"),
    _edit("cleanup-in-the-pipelines-timeout", "nightly", "teardown_is_never_cut_off", "        timestamps()\n",
          "        timestamps()\n        timeout(time: 3, unit: 'HOURS')\n", "success"),
    Mutation("teardown-as-a-stage", "nightly", "teardown_follows_every_run", (
        ("nightly", _CLEANUP, ""), ("nightly", _END, _STAGE + _END)), ("infrastructure", "abort", "timeout")),
    _edit("cleanup-of-the-pipeline-not-of-the-cell", "nightly", "nothing_is_unknown", "    agent none\n",
          "    agent none\n    post {\n        cleanup {\n            sh 'make setup'\n        }\n    }\n"),
    _library("teardown-without-a-limit", "nightly", "teardown_is_never_cut_off", "harnessCleanup", "    timeout(time: 30, unit: 'MINUTES') {\n", "    script {\n"),
    _library("teardown-too-short", "nightly", "teardown_is_never_cut_off", "harnessCleanup", "time: 30", "time: 5", "timeout"),
    _library("only-sweep", "nightly", "teardown_follows_every_run", "harnessCleanup", "harness 'down'", "echo 'down'"),
    _library("no-sweep", "nightly", "teardown_follows_every_run", "harnessCleanup", "harness 'sweep --cloud \"$CLOUD\"'", "echo 'sweep'"),
    _library("no-sweep-after-a-leak", "nightly", "teardown_follows_every_run", "harnessCleanup", _TRY, _TRY.replace("try {", "script {").replace("finally", "\n            script"), "leak"),
    _library("ledger-deleted-after-a-leak", "nightly", "teardown_follows_every_run", "harnessCleanup", "            try {", "            dir(reports) { deleteDir() }\n            try {", "leak"),
    _edit("ledger-elsewhere", "nightly", "teardown_follows_every_run", "harness 'run --matrix", "harness 'run --reports elsewhere --matrix"),
    # limits
    _edit("run-without-a-limit", "nightly", "every_command_has_a_limit", _RUN, _RUN.replace("timeout(time: 150, unit: 'MINUTES')", "script"), "success"),
    _edit("step-shorter-than-the-run", "nightly", "limits_are_nested", "timeout(time: 150,", "timeout(time: 100,"),
    _edit("deadline-longer-than-the-step", "nightly", "every_step_is_one_command", "--deadline 2h", "--deadline 3h"),
    _edit("limits-untold", "nightly", "limits_are_nested", " --step-limit 150m --agent-limit 4h", ""),
    _edit("agent-shorter-than-its-steps", "nightly", "limits_are_nested", "--agent-limit 4h", "--agent-limit 3h"),
    # secrets
    _edit("secret-echoed", "nightly", "secrets_are_never_written", "harness 'run --matrix", "echo \"${env.AZURE_CLIENT_SECRET}\"\n harness 'run --matrix"),
    _edit("secret-echoed-by-the-shell", "nightly", "every_step_is_one_command", "harness 'run --matrix", "sh 'echo $AZURE_CLIENT_SECRET'\n harness 'run --matrix"),
    _edit("environment-printed", "nightly", "every_step_is_one_command", "harness 'run --matrix", "sh 'env'\n harness 'run --matrix"),
    _edit("secret-interpolated", "nightly", "secrets_are_never_written", "--deadline 2h --step-limit 150m --agent-limit 4h'",
          "--deadline 2h --step-limit 150m --agent-limit 4h --owner ' + env.AZURE_CLIENT_SECRET"),
    _edit("secret-as-argument", "nightly", "every_step_is_one_command", "--deadline 2h --step", "--owner \"$AZURE_CLIENT_SECRET\" --deadline 2h --step"),
    _edit("secret-in-the-environment", "nightly", "secrets_are_bound_late_and_narrow", "    environment {\n        CLOUD",
          "    environment {\n        AZURE_CLIENT_SECRET = credentials('kubernetes-azure-nightly')\n        CLOUD"),
    _edit("secret-around-the-setup", "nightly", "secrets_are_bound_late_and_narrow", "sh 'make setup'",
          "withCredentials([azureServicePrincipal('kubernetes-azure-nightly')]) {\n sh 'make setup'\n }"),
    _library("secret-in-a-file", "nightly", "secrets_are_never_written", "withCloud", "azureServicePrincipal(credentials)]) { body() }",
             "azureServicePrincipal(credentials)]) { writeFile file: 'config.json', text: env.AZURE_CLIENT_SECRET; body() }"),
    _library("secret-told-after-its-scope", "nightly", "secrets_are_never_written", "withCloud", "azureServicePrincipal(credentials)]) { body() }",
             "azureServicePrincipal(credentials)]) { login = env.AZURE_CLIENT_SECRET; body() }\n        echo login"),
    # archives
    _library("whole-folder-archived", "nightly", "nothing_secret_is_archived", "harnessReports", "'index.html'", "'**'"),
    _library("cells-archived", "nightly", "nothing_secret_is_archived", "harnessReports", "'cells/*/logs/**'", "'cells/'"),
    _library("plan-archived", "nightly", "nothing_secret_is_archived", "harnessReports", "'finished.json'", "'*.json'"),
    _library("archive-of-a-sent-run", "ingest", "nothing_secret_is_archived", "harnessReports", "'index.html'", "'**'"),
    _edit("workspace-archived", "janitor", "nothing_secret_is_archived", "artifacts: 'sweep.json'", "artifacts: '**/*.json'"),
    _edit("workspace-stashed", "pr", "nothing_secret_is_archived", "harness 'build \"$KUBERNETES\"'", "stash name: 'all', includes: 'reports/**'"),
    # forks
    _edit("forks-on-azure", "pr-fork", "forks_get_nothing", "                expression { !env.CHANGE_FORK }\n", ""),
    _edit("forks-on-trusted-agents", "pr-fork", "forks_get_nothing", "label 'kubernetes-azure-untrusted'", "label 'kubernetes-azure'"),
    _edit("secrets-in-the-local-lane", "pr-fork", "forks_get_nothing", "                    harness 'run --cloud local",
          "                    withCloud('azure', 'kubernetes-azure-pr') {\n harness 'doctor'\n }\n                    harness 'run --cloud local"),
    # quota
    _edit("lock-dropped", "nightly", "azure_is_used_under_a_lock", _LOCK, ""),
    Mutation("lock-around-the-run-only", "nightly", "azure_is_used_under_a_lock", (
        ("nightly", _LOCK, ""),
        ("nightly", "harness 'run --matrix", "lock(label: 'azure-quota', quantity: 1) {\n harness 'run --matrix"),
        ("nightly", "--agent-limit 4h'", "--agent-limit 4h'\n }")), ("failure",)),
    _edit("another-lock", "pr", "azure_is_used_under_a_lock", "lock(label: 'azure-quota', quantity: 1)", "lock(resource: 'azure')"),
    # results
    _edit("no-reports", "nightly", "results_are_published", "always {", "success {", "failure", "abort"),
    _library("old-results", "nightly", "results_are_published", "harnessReports", "skipOldReports: true, ", ""),
    _library("names-by-stage", "nightly", "results_are_published", "harnessReports", "keepTestNames: true, ", ""),
    _library("green-without-results", "nightly", "results_are_published", "harnessReports", "skipOldReports: true", "skipOldReports: true, allowEmptyResults: true"),
    _library("results-without-attachments", "nightly", "results_are_published", "harnessReports", ", testDataPublishers: [attachments()]", ""),
    _library("unknown-publisher", "nightly", "nothing_is_unknown", "harnessReports", "attachments()", "screenshots()"),
    _edit("reports-shared-by-cells", "nightly", "reports_are_of_this_build_and_cell", "/${SOURCE.replace(':', '-')}-${DEPLOYER}-${LOCATION}\"", "/cell\""),
    _edit("reports-of-every-build", "nightly", "reports_are_of_this_build_and_cell", "reports/${BUILD_NUMBER}/", "reports/"),
    # jobs
    _edit("never-thrown-away", "nightly", "builds_are_thrown_away", "        buildDiscarder(logRotator(numToKeepStr: '60', artifactNumToKeepStr: '20'))\n", ""),
    _edit("nightlies-abort-each-other", "nightly", "only_pull_requests_cut_each_other_off", "disableConcurrentBuilds()", "disableConcurrentBuilds(abortPrevious: true)"),
    _edit("janitors-overlap", "janitor", "only_pull_requests_cut_each_other_off", "        disableConcurrentBuilds()\n", ""),
    # commands and words
    _edit("command-outside-sh", "nightly", "nothing_is_unknown", "                                sh 'make setup'\n", "                                make setup\n"),
    _edit("unknown-command", "nightly", "every_step_is_one_command", "harness 'doctor", "harness 'examine"),
    _edit("unknown-flag", "nightly", "every_step_is_one_command", "--deadline 2h", "--dead-line 2h"),
    _edit("unknown-value", "nightly", "every_step_is_one_command", "--deadline 2h", "--deadline soon"),
    _edit("shell-in-a-step", "nightly", "every_step_is_one_command", "'doctor --cloud \"$CLOUD\"'", "'doctor --cloud \"$CLOUD\" || true'"),
    _edit("unquoted-variable", "nightly", "every_step_is_one_command", "--cloud \"$CLOUD\" --source", "--cloud $CLOUD --source"),
    _edit("unset-variable", "nightly", "every_step_is_one_command", "--location \"$LOCATION\"", "--location \"$REGION\""),
    _edit("parameter-as-a-variable", "nightly-first", "every_step_is_one_command", "        CLOUD = \"${params.CLOUD}\"", "        CLOUDS = \"${params.CLOUD}\""),
    _library("shell-around-the-run", "nightly", "every_step_is_one_command", "harness", "exec .venv", ".venv"),
    _edit("unknown-step", "janitor", "nothing_is_unknown", "deleteDir()", "cleanWorkspaceNow()"),
    _edit("unknown-directive", "janitor", "nothing_is_unknown", "    triggers {", "    schedules {"),
    _edit("misplaced-directive", "janitor", "nothing_is_unknown", "            steps {", "            triggers {\n cron('H * * * *')\n }\n            steps {"),
    _edit("unknown-parameter-of-a-step", "janitor", "nothing_is_unknown", "allowEmptyArchive: true", "allowEmpty: true"),
    _edit("logic-outside-script", "janitor", "nothing_is_unknown", "                    sh 'make setup'\n", "                    if (true) {\n sh 'make setup'\n }\n"),
    _edit("broken-string", "janitor", "nothing_is_unknown", "sh 'make setup'", "sh 'make setup"),
)
# fmt: on
