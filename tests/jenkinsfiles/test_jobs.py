"""Jobs, plugins and the controller, as code: made into what Jenkins reads where that needs none, and held against each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from harness.publishing.archive import FILES as FILES_SENT
from harness.publishing.ingest import JOB

from .checks import ant
from .groovy import JENKINS, Trace, library
from .scenarios import FILES, KINDS, RUN, text

Traces = dict[str, Trace]

PLUGIN_OF = {
    "sh": "workflow-durable-task-step",
    "junit": "junit",
    "attachments": "junit-attachments",
    "archiveArtifacts": "workflow-basic-steps",
    "unstash": "workflow-basic-steps",
    "unzip": "pipeline-utility-steps",
    "addBadge": "badge",
    "checkout": "git",
    "readJSON": "pipeline-utility-steps",
    "warnError": "workflow-basic-steps",
    "git": "git",
    "deleteDir": "workflow-basic-steps",
    "fileExists": "workflow-basic-steps",
    "dir": "workflow-basic-steps",
    "timeout": "workflow-basic-steps",
    "catchError": "workflow-basic-steps",
    "error": "workflow-basic-steps",
    "unstable": "workflow-basic-steps",
    "lock": "lockable-resources",
    "timestamps": "timestamper",
    "withCredentials": "credentials-binding",
    "script": "pipeline-model-definition",
    "publishChecks": "checks-api",
    "stashedFile": "file-parameters",
    "Library": "pipeline-groovy-lib",
    "matrix": "pipeline-model-definition",
}
"""Step or word -> the plugin that brings it."""
_WORDS = {
    "hudson.model.StringParameterDefinition": "string",
    "hudson.model.TextParameterDefinition": "text",
    "hudson.model.BooleanParameterDefinition": "booleanParam",
    "hudson.model.ChoiceParameterDefinition": "choice",
    "io.jenkins.plugins.file__parameters.StashedFileParameterDefinition": "stashedFile",
}
"""Job XML -> declarative Pipeline."""
_PIN = re.compile(r"([a-z0-9-]+):([0-9][0-9a-zA-Z._-]*) +# \S.*")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ElementTree.Element]:
    """Name -> job XML, as Job Builder makes it offline."""
    out = tmp_path_factory.mktemp("jobs")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "jenkins-jobs"), "test", str(JENKINS / "jobs"), "-o", str(out)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name: ElementTree.parse(path).getroot() for path in out.iterdir()}


def plugins() -> dict[str, str]:
    lines = [line for line in (JENKINS / "plugins.txt").read_text().splitlines() if not line.startswith("#")]
    found = [_PIN.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1]: match[2] for match in found if match}


def casc() -> dict[str, Any]:
    raw = yaml.safe_load((JENKINS / "casc.yaml").read_text())
    assert isinstance(raw, dict)
    return raw


def test_every_plugin_is_pinned_to_one_version_with_a_reason_and_once() -> None:
    names = [line.partition(":")[0] for line in (JENKINS / "plugins.txt").read_text().splitlines() if line[0] != "#"]
    assert len(plugins()) == len(names) == len(set(names))
    assert names[:-1] == sorted(names[:-1])


def test_every_step_and_word_has_its_plugin(traces: Traces) -> None:
    everything = "\n".join([*(text(file) for file in FILES), *library().values()])
    used = {
        event["step"] for name, trace in traces.items() if name.partition("/")[0] in FILES for event in trace.events
    }
    used |= {wrapper["name"] for trace in traces.values() for event in trace.events for wrapper in event["wrappers"]}
    used = {word for word in used if re.search(rf"\b{word}\b", everything)}
    used |= {word for word in ("stashedFile", "Library", "matrix", "attachments") if word in everything}
    assert used >= {"sh", "lock", "unzip", "withCredentials"}
    assert used <= set(PLUGIN_OF)
    assert {PLUGIN_OF[word] for word in used} <= set(plugins())


@pytest.mark.parametrize("file", ["nightly", "janitor", "ingest"])
def test_a_job_runs_its_jenkinsfile_from_this_repository(jobs: dict[str, ElementTree.Element], file: str) -> None:
    job = jobs[f"kubernetes-azure-{file}"]
    assert job.tag == "flow-definition"
    script = job.findtext("./definition/scriptPath")
    assert script == f"jenkins/Jenkinsfile.{file}"
    assert (JENKINS.parent / str(script)).is_file()
    assert (
        job.findtext("./definition/scm//url")
        == casc()["jenkins"]["globalNodeProperties"][0]["envVars"]["env"][0]["value"]
    )


def test_jobs_and_jenkinsfiles_agree_on_schedules_and_parameters(
    jobs: dict[str, ElementTree.Element], traces: Traces
) -> None:
    for file in ("nightly", "janitor"):
        declared = [given[0] for kind, _, given in traces[f"{file}/success"].declared if kind == "trigger"]
        assert [
            node.text for node in jobs[f"kubernetes-azure-{file}"].iterfind(".//hudson.triggers.TimerTrigger/spec")
        ] == declared
    for file in ("nightly", "janitor", "ingest"):
        parameters = {
            name: (_WORDS[node.tag], node.findtext("defaultValue") or node.findtext("choices/a/string") or "")
            for node in jobs[f"kubernetes-azure-{file}"].iterfind(".//parameterDefinitions/*")
            if (name := node.findtext("name"))
        }
        assert parameters == {
            given["name"]: (word, _default(given))
            for kind, word, given in traces[f"{file}/success"].declared
            if kind == "parameter"
        }, file


def _default(declared: dict[str, Any]) -> str:
    value = declared["choices"][0] if "choices" in declared else declared.get("defaultValue", "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_harness_publish_sends_what_the_ingest_job_takes(jobs: dict[str, ElementTree.Element], traces: Traces) -> None:
    assert JOB in jobs
    (archived,) = traces["ingest/success"].steps("archiveArtifacts")
    patterns = archived["arguments"]["artifacts"].split(",")
    for file in (*FILES_SENT, "artifacts/junit_lifecycle.xml"):
        assert any(ant(pattern, f"reports/{RUN}/{file}") for pattern in patterns), file


@pytest.mark.parametrize(
    ("name", "owner", "repository"),
    [
        ("kubernetes-azure-pr", "kubernetes", "kubernetes"),
        ("cloud-provider-azure-pr", "kubernetes-sigs", "cloud-provider-azure"),
    ],
)
def test_pull_requests_cannot_bring_their_own_jenkinsfile(
    jobs: dict[str, ElementTree.Element], name: str, owner: str, repository: str
) -> None:
    job = jobs[name]
    assert (job.findtext(".//repoOwner"), job.findtext(".//repository")) == (owner, repository)
    assert name in {kind["env"]["JOB_NAME"].partition("/")[0] for kind in KINDS.values() if "env" in kind}  # type: ignore[index]
    factory = job.find("./factory")
    assert factory is not None
    assert factory.attrib["class"].endswith("PipelineBranchDefaultsProjectFactory")
    ((kind, kept),) = casc()["unclassified"]["globalConfigFiles"]["configs"][0].items()
    assert (kind, factory.findtext("scriptId")) == ("groovyScript", kept["id"])
    assert kept["content"].endswith("/Jenkinsfile.pr}")
    found = ElementTree.tostring(job, encoding="unicode")
    assert "ForkPullRequestDiscoveryTrait" in found
    assert "TrustNobody" in found
    assert "BranchDiscoveryTrait" not in found, "every build has a base to compare with"


@pytest.mark.parametrize("name", ["kubernetes-azure-pr", "cloud-provider-azure-pr"])
def test_a_pull_requests_checkout_has_tags_and_history(jobs: dict[str, ElementTree.Element], name: str) -> None:
    """Its version is `git describe`, its changes count since the merge base; without a CloneOption the plugin git adds one without tags."""
    cloned = jobs[name].find(".//jenkins.plugins.git.traits.CloneOptionTrait/extension")
    assert cloned is not None
    assert cloned.attrib["class"] == "hudson.plugins.git.extensions.impl.CloneOption"
    assert (cloned.findtext("noTags"), cloned.findtext("shallow")) == ("false", "false")
    assert cloned.findtext("honorRefspec") == "true"
    assert 10 < int(cloned.findtext("timeout", "0")) < 20, "more than git's usual limit, less than the step's"


def test_the_controller_builds_nothing_and_has_what_the_jenkinsfiles_ask_for(traces: Traces) -> None:
    jenkins = casc()["jenkins"]
    assert jenkins["numExecutors"] == 0
    labels = {node["permanent"]["labelString"] for node in jenkins["nodes"]}
    agents = {
        event["agent"] for name, trace in traces.items() if name.partition("/")[0] in FILES for event in trace.events
    }
    assert agents - {None} == labels
    assert all(node["permanent"]["numExecutors"] == 1 for node in jenkins["nodes"])
    (library_,) = casc()["unclassified"]["globalLibraries"]["libraries"]
    for file in FILES:
        assert f"@Library('{library_['name']}') _" in text(file)
    assert library_["retriever"]["modernSCM"]["libraryPath"] == "jenkins/"
    assert library_["allowVersionOverride"] is False


def test_there_is_a_lock_for_each_cell_that_quota_has_room_for(traces: Traces) -> None:
    declared = casc()["unclassified"]["lockableResourcesManager"]["declaredResources"]
    asked = {
        wrapper["label"]
        for event in traces["nightly/success"].events
        for wrapper in event["wrappers"]
        if wrapper["name"] == "lock"
    }
    assert {resource["labels"] for resource in declared} == asked
    assert len({resource["name"] for resource in declared}) == len(declared)


def test_credentials_are_those_that_are_bound_and_hold_nothing_themselves(jobs: dict[str, ElementTree.Element]) -> None:
    entries = casc()["credentials"]["system"]["domainCredentials"][0]["credentials"]
    kinds = {next(iter(entry.values()))["id"]: next(iter(entry)) for entry in entries}
    used = set(re.findall(r"'(kubernetes-azure-(?:nightly|pr|janitor))'", "".join(map(text, FILES))))
    assert {name for name, kind in kinds.items() if kind == "azure"} == used
    assert jobs["kubernetes-azure-pr"].findtext(".//credentialsId") in kinds
    for entry in entries:
        for key, value in next(iter(entry.values())).items():
            if re.search("secret|password|subscription|tenant|clientId|username", key, re.IGNORECASE):
                assert re.fullmatch(r"\$\{[A-Z_]+\}", value), f"{key}: {value}"


def test_a_publisher_can_start_the_ingest_job_and_nothing_else(jobs: dict[str, ElementTree.Element]) -> None:
    """A laptop's token must not reach what the credentials of the other jobs reach."""
    ((strategy, matrix),) = casc()["jenkins"]["authorizationStrategy"].items()
    assert strategy == "projectMatrix", "with globalMatrix, what jobs grant themselves counts for nothing"
    rights = {
        next(iter(entry.values()))["name"]: next(iter(entry.values()))["permissions"] for entry in matrix["entries"]
    }
    assert rights.pop("admin") == ["Overall/Administer"]
    assert {right for found in rights.values() for right in found} == {"Overall/Read", "Job/Read"}
    granted = {
        (name, str(node.text))
        for name, job in jobs.items()
        for node in job.iterfind(".//hudson.security.AuthorizationMatrixProperty/permission")
        if not str(node.text).startswith("USER:hudson.model.Item.Read:")
    }
    assert granted == {(JOB, "USER:hudson.model.Item.Build:publisher")}
    assert "publisher" in {user["id"] for user in casc()["jenkins"]["securityRealm"]["local"]["users"]}


def test_everybody_reads_the_nightly_with_which_agents_without_a_secret_compare(
    jobs: dict[str, ElementTree.Element],
) -> None:
    entries = casc()["jenkins"]["authorizationStrategy"]["projectMatrix"]["entries"]
    (rights,) = [entry["user"]["permissions"] for entry in entries if entry.get("user", {}).get("name") == "anonymous"]
    assert rights == ["Overall/Read"], "of jobs only those that say so"
    right = "USER:hudson.model.Item.Read:anonymous"
    assert {name for name, job in jobs.items() if right in ElementTree.tostring(job, "unicode")} == {
        "kubernetes-azure-nightly"
    }


def test_jenkins_knows_its_own_address() -> None:
    """Without it no build has BUILD_URL, JOB_URL and JENKINS_URL, from which links and comparisons are made."""
    assert re.fullmatch(r"\$\{[A-Z_]+\}", casc()["unclassified"]["location"]["url"])


def test_users_passwords_come_from_outside() -> None:
    for user in casc()["jenkins"]["securityRealm"]["local"]["users"]:
        assert re.fullmatch(r"\$\{[A-Z_]+\}", user["password"])
