"""Evidence about a failed test: what is read, in which order, how it is cut and masked, and what happens when little can be read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.clouds.api import ArmRequest
from harness.clusters.api import Cluster
from harness.clusters.failures.api import MANIFEST, Evidence, Failure, Limits
from harness.clusters.failures.collect import Collector
from harness.clusters.failures.folder import Allowance, EvidenceFolder
from harness.clusters.failures.namespaces import basenames, left_by, named, runs_of
from harness.errors import CloudError
from harness.redact.secrets import Secrets

from .api_server import ApiServer, thing

AT = 1_795_852_800.0  # 2026-11-28T08:00:00Z
NODE = "/api/v1/nodes/{}/proxy/logs/"
SECRET = "abcdef.0123456789abcdef"


@dataclass
class Cloud:
    """Answers what is asked of ARM."""

    answers: Sequence[ArmRequest] = ()
    asked: tuple[str, float, float] = ("", 0.0, 0.0)

    def requests(self, group: str, since: float, until: float) -> Sequence[ArmRequest]:
        self.asked = (group, since, until)
        return self.answers


class Silent:
    """A cloud that keeps no journal and whose ARM does not answer."""

    @property
    def compute(self) -> Any:
        raise CloudError("run a command", last_seen="ARM does not answer")


FAILURE = Failure(
    number=3, nodeid="suites/x/specs.yaml::[sig-apps] Job fails", name="[sig-apps] Job fails", started=AT, ended=AT + 100,
    namespaces=("job-1",),
)  # fmt: skip


def collector(
    cluster: Cluster, folder: Path, cloud: Any = None, limits: Limits | None = None, secrets: Secrets | None = None
) -> Collector:
    limits = limits or Limits()
    return Collector(cloud or Cloud(), cluster, folder, limits, Allowance(limits.run), secrets or Secrets())


@pytest.fixture
def busy(api_server: ApiServer) -> ApiServer:
    """A cluster with a namespace of which everything can be read."""
    pod = thing("p", "job-1") | {
        "status": {
            "containerStatuses": [
                {"name": "main", "restartCount": 1, "state": {"running": {}}},
                {"name": "new", "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}},
            ]
        }
    }
    manager = thing("ccm-1", "kube-system") | {"spec": {"containers": [{"name": "manager"}]}}
    event = {
        "metadata": {"namespace": "job-1", "creationTimestamp": "2026-11-28T08:00:01Z"},
        "involvedObject": {"kind": "Pod", "name": "p"}, "type": "Warning", "reason": "BackOff",
        "message": f"back-off, token {SECRET}", "lastTimestamp": "2026-11-28T08:00:30Z",
    }  # fmt: skip
    old = {**event, "message": "rebooted yesterday", "lastTimestamp": "2026-11-27T08:00:30Z"}
    api_server.objects |= {
        "/api/v1/namespaces/job-1/pods": [pod],
        "/api/v1/namespaces/job-1/events": [event],
        "/api/v1/namespaces/default/events": [old],
        "/api/v1/namespaces/job-1/services": [thing("s", "job-1")],
        "/apis/batch/v1/namespaces/job-1/jobs": [],
        "/api/v1/namespaces/kube-system/pods": [manager],
    }
    api_server.texts |= {
        "/api/v1/namespaces/job-1/pods/p/log": f"2026-11-28T08:00:02Z client_secret=hunter2 {SECRET}\n",
        "/api/v1/namespaces/kube-system/pods/ccm-1/log": "2026-11-28T08:01:00.1Z then\n2026-11-28T09:00:00.1Z later\n",
        NODE.format("cp-0"): "Nov 28 08:01:00 cp-0 kubelet[1]: hello\n",
        NODE.format("w-0"): "Nov 28 08:01:00 w-0 containerd[1]: hello\n",
    }
    return api_server


def test_everything_is_read_and_listed(cluster: Cluster, busy: ApiServer, tmp_path: Path) -> None:
    request = ArmRequest(
        AT + 61, "PUT", "/subscriptions/s/resourceGroups/RG/providers/x/lb", 429, "Throttled", 1.5, "go"
    )
    cloud = Cloud([request])
    collector(cluster, tmp_path / "failures", cloud).collect(FAILURE)
    folder = tmp_path / "failures" / "003-sig-apps-job-fails"
    found = Evidence.load(folder / MANIFEST)
    assert (found.nodeid, found.started, found.namespaces) == (FAILURE.nodeid, AT, ("job-1",))
    assert {kept.name for kept in found.files} == {
        "events.txt", "job-1/pods.json", "job-1/services.json", "job-1/p.main.log", "job-1/p.main.previous.log",
        "cloud-controller-manager.log", "arm-requests.txt", "cp-0/journal.log", "w-0/journal.log",
    }  # fmt: skip
    assert all((folder / kept.name).stat().st_size == kept.bytes for kept in found.files)
    assert cloud.asked == ("rg", AT + 35, AT + 105), "of the minute in which it failed"
    assert (
        "08:01:01.000 429 PUT         1.5 ms  …/providers/x/lb  Throttled" in (folder / "arm-requests.txt").read_text()
    )
    assert (folder / "cloud-controller-manager.log").read_text() == "2026-11-28T08:01:00.1Z then\n"
    assert "yesterday" not in (folder / "events.txt").read_text()
    _, _, query = next(asked for asked in busy.asked if asked[1] == NODE.format("w-0"))
    assert query["query"] == ["kubelet", "containerd"]
    assert (query["sinceTime"], query["untilTime"]) == (["2026-11-28T08:00:35Z"], ["2026-11-28T08:01:46Z"])
    problems = " ".join(found.problems)
    assert "statefulsets.json: HTTP 404" in problems, "what cannot be read is said"


def test_no_secret_reaches_any_file(cluster: Cluster, busy: ApiServer, tmp_path: Path) -> None:
    collector(cluster, tmp_path / "f").collect(FAILURE)
    text = "".join(path.read_text() for path in (tmp_path / "f").rglob("*") if path.is_file())
    assert SECRET not in text
    assert "hunter2" not in text
    assert "[redacted]" in text


def test_secrets_without_a_shape_are_known_by_value(cluster: Cluster, busy: ApiServer, tmp_path: Path) -> None:
    token = "1134abcdef0123456789abcdef01234567"
    busy.texts["/api/v1/namespaces/job-1/pods/p/log"] = f"2026-11-28T08:00:02Z env: {token}\n"
    secrets = Secrets(environ={"JENKINS_API_TOKEN": token})
    collector(cluster, tmp_path / "f", secrets=secrets).collect(FAILURE)
    text = "".join(path.read_text() for path in (tmp_path / "f").rglob("*") if path.is_file())
    assert token not in text
    assert "env: [redacted]" in text


def test_the_namespace_goes_when_it_has_been_read_and_before_slower_things_are(
    cluster: Cluster, busy: ApiServer, tmp_path: Path
) -> None:
    collector(cluster, tmp_path).collect(FAILURE)
    order = [path for _, path, _ in busy.asked]
    assert busy.deleted == ["/api/v1/namespaces/job-1"]
    assert order.index("/api/v1/namespaces/job-1/pods/p/log") < order.index("/api/v1/namespaces/job-1")
    assert order.index("/api/v1/namespaces/job-1") < order.index(NODE.format("cp-0"))


def test_a_namespace_of_the_system_is_never_deleted(cluster: Cluster, busy: ApiServer, tmp_path: Path) -> None:
    collector(cluster, tmp_path).collect(replace(FAILURE, namespaces=("kube-system", "default", "job-1")))
    assert busy.deleted == ["/api/v1/namespaces/job-1"]


def test_a_dead_cluster_costs_only_sentences(cluster: Cluster, api_server: ApiServer, tmp_path: Path) -> None:
    dead = replace(cluster, kubeconfig=replace(api_server, url="http://127.0.0.1:1").kubeconfig(tmp_path / "dead"))
    evidence = collector(dead, tmp_path / "f", Silent()).collect(FAILURE)
    assert evidence.files == ()
    assert any(problem.startswith("events.txt: ") for problem in evidence.problems)
    assert any("ARM does not answer" in problem for problem in evidence.problems)


@pytest.mark.parametrize("answer", ["<pre>\n<a href='syslog'>syslog</a>", ""])
def test_where_kubelet_lists_files_the_cloud_is_asked(
    cluster: Cluster, busy: ApiServer, tmp_path: Path, answer: str
) -> None:
    for node in ("cp-0", "w-0"):
        busy.texts.pop(NODE.format(node))
        if answer:
            busy.texts[NODE.format(node)] = answer
    evidence = collector(cluster, tmp_path, Silent()).collect(FAILURE)
    assert sum("run a command" in problem for problem in evidence.problems) == 2


def test_a_lost_test_is_followed_by_the_ids_of_its_process(cluster: Cluster, busy: ApiServer, tmp_path: Path) -> None:
    run = "0b2e9d0c-6f0e-4a7e-9a55-111111111111"
    (tmp_path / "e2e.log").write_text(f'I1128 e2e.go:109] Starting e2e run "{run}" on Ginkgo node 2\n')
    busy.objects["/api/v1/namespaces"] = [thing("job-1", created="2026-11-28T08:00:01Z", labels={"e2e-run": run})]
    lost = replace(FAILURE, namespaces=(), runs=runs_of(tmp_path / "e2e.log"), ended=AT + 100)
    evidence = collector(cluster, tmp_path / "f").collect(lost)
    _, _, query = next(
        asked for asked in busy.asked if asked[1] == "/api/v1/namespaces" and "labelSelector" in asked[2]
    )
    assert query["labelSelector"] == [f"e2e-run in ({run})"]
    assert evidence.namespaces == ("job-1",)


def test_only_what_was_certainly_made_in_its_time_is_a_lost_tests() -> None:
    def namespace(name: str, second: int, run: str = "r") -> dict[str, Any]:
        return thing(name, created=f"2026-11-28T08:00:{second:02d}Z", labels={"e2e-run": run})

    found = [namespace("before", 3), namespace("own", 12), namespace("next", 19), namespace("other", 12, "q")]
    assert left_by(found, {"r"}, AT + 10, AT + 20, 0.0) == ("own",)
    assert left_by(found, {"r"}, AT + 5, AT + 15, 5.0) == ("own",), "the API server's clock is ahead"


def test_namespaces_are_found_in_what_specs_say() -> None:
    steps = [
        'Collecting events from namespace "job-1".',
        "Building a namespace api object, basename job",
        'namespace "no"',
    ]
    assert named([*steps, 'Destroying namespace "job-1-more" for this suite.']) == ("job-1", "job-1-more")
    assert basenames(steps) == {"job"}


def folder(path: Path, limits: Limits) -> EvidenceFolder:
    return EvidenceFolder(path, limits, Allowance(limits.run), Secrets())


def test_of_a_long_log_the_end_is_kept_and_of_json_the_beginning(tmp_path: Path) -> None:
    kept = folder(tmp_path, Limits(file=1_000))
    text = "".join(f"line {number}\n" for number in range(5_000))
    kept.keep("a.log", text)
    kept.keep("a.json", text, end=False)
    log, other = (tmp_path / "a.log").read_text(), (tmp_path / "a.json").read_text()
    assert log.endswith("line 4999\n")
    assert other.startswith("line 0\n")
    assert "characters left out" in log.splitlines()[0]
    assert "characters left out" in other.splitlines()[-1]
    assert all(0 < item.bytes <= 1_000 and item.left_out > 40_000 for item in kept.files)
    assert len(kept.problems) == 2


def test_a_secret_at_the_cut_is_recognised(tmp_path: Path) -> None:
    kept = folder(tmp_path, Limits(file=500))
    kept.keep("a.log", "x" * 2_000 + f" {SECRET} " + "y" * 420)
    assert "0123456789abcdef" not in (tmp_path / "a.log").read_text()


def test_a_test_and_a_run_have_their_limits(tmp_path: Path) -> None:
    kept = folder(tmp_path, Limits(file=400, test=1_000, run=10_000))
    for number in range(4):
        kept.keep(f"{number}.log", "z" * 400)
    assert sum(item.bytes for item in kept.files) <= 1_000
    assert kept.problems[-1] == "3.log: left out, the 1,000 bytes of a test are used up"
    shared = Allowance(500)
    first, second = (EvidenceFolder(tmp_path / name, Limits(run=500), shared, Secrets()) for name in "ab")
    first.keep("a", "z" * 400)
    second.keep("b", "z" * 400)
    assert [item.name for item in first.files] == ["a"]
    assert second.files == []
    assert "of the run are used up" in second.problems[0]


def test_when_the_run_has_used_its_bytes_namespaces_still_go(cluster: Cluster, busy: ApiServer, tmp_path: Path) -> None:
    limits = Limits(run=10)
    one = Collector(Cloud(), cluster, tmp_path, limits, Allowance(0), Secrets())
    evidence = one.collect(FAILURE)
    assert busy.deleted == ["/api/v1/namespaces/job-1"]
    assert evidence.files == ()
    assert "used up" in evidence.problems[-1]


def test_a_manifest_comes_back_as_it_went(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"nodeid": "x"}))
    with pytest.raises(KeyError):
        Evidence.load(tmp_path / MANIFEST)
