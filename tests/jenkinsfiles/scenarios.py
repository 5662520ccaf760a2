"""The builds that every Jenkinsfile goes through: what may happen to it, and on which cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .groovy import JENKINS, Scenario, library

FILES = ("nightly", "pr", "janitor", "ingest")
AGENTS = {"AZURE_LOGIN": "service-principal", "KUBERNETES_AZURE_REPOSITORY": "https://example.com/harness"}
PULL = {"CHANGE_ID": "7", "CHANGE_TARGET": "master", "JOB_NAME": "kubernetes-azure-pr/PR-7"}
PROVIDER = {**PULL, "JOB_NAME": "cloud-provider-azure-pr/PR-7"}
RUN = "20261123-223010-a1b2"

HAPPENS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "success": (),
    "failure": ({"step": "sh", "holds": "harness run", "exit": 1}, {"step": "junit", "failures": True}),
    "infrastructure": ({"step": "sh", "holds": "harness run", "exit": 3},),
    "crash": ({"step": "sh", "holds": "harness run", "exit": 4}, {"step": "junit", "missing": True}),
    "unprepared": (
        {"step": "sh", "holds": "make setup", "exit": 2},
        {"step": "fileExists", "missing": True},
        {"step": "junit", "missing": True},
    ),
    "abort": ({"step": "sh", "holds": "harness run", "aborted": True, "minutes": 30},),
    "timeout": (
        {"step": "sh", "holds": "harness run", "minutes": 10_000},
        {"step": "sh", "holds": "harness down", "minutes": 20},
    ),
    "leak": ({"step": "sh", "holds": "harness down", "exit": 6},),
}
"""Name -> rules of the steps."""

_PUBLISHED = f"/workspace/reports/7/cell/published/{RUN}"
TOLD: Sequence[Mapping[str, object]] = (
    {"step": "sh", "holds": "harness publish", "prints": f"{_PUBLISHED}\n"},
    {
        "step": "readJSON",
        "holds": f"{_PUBLISHED}/publication.json",
        "value": {"display_name": f"{RUN} passed", "description": "✅ Passed: all of it", "badge": "✅ Passed"},
    },
)
"""What harness publish prints and writes."""

KINDS: Mapping[str, Mapping[str, object]] = {
    "nightly": {"params": {"CLOUD": "azure"}},
    "nightly-local": {"params": {"CLOUD": "local"}},
    "nightly-first": {"first": True},
    "pr": {"params": {"AZURE": True}, "env": PULL},
    "pr-fork": {"params": {"AZURE": True}, "env": {**PULL, "CHANGE_FORK": "somebody"}},
    "pr-provider": {"params": {"AZURE": True}, "env": PROVIDER},
    "pr-provider-fork": {"params": {"AZURE": True}, "env": {**PROVIDER, "CHANGE_FORK": "somebody"}},
    "janitor": {},
    "ingest": {"params": {"RUN_ID": RUN, "DISPLAY_NAME": "mine", "DESCRIPTION": "✅ Passed: a run"}},
}
"""Name -> how the file before the dash is started."""


def text(file: str) -> str:
    return (JENKINS / f"Jenkinsfile.{file}").read_text()


def scenario(kind: str, happens: str, *, name: str = "", **changes: object) -> Scenario:
    """One build of a shipped file, or of an edited one."""
    started = dict(KINDS[kind])
    fields: dict[str, object] = {
        "name": name or f"{kind}/{happens}",
        "text": text(kind.partition("-")[0]),
        "params": started.get("params", {}),
        "first": started.get("first", False),
        "env": {**AGENTS, **started.get("env", {})},  # type: ignore[dict-item]
        "library": library(),
        **changes,
    }
    fields["rules"] = [*changes.get("rules", HAPPENS[happens]), *TOLD]  # type: ignore[misc]
    return Scenario(**fields)  # type: ignore[arg-type]


def shipped() -> Iterator[Scenario]:
    """Every file as it is, whatever happens."""
    for kind in KINDS:
        for happens in HAPPENS:
            yield scenario(kind, happens)


HOSTILE = "$(touch /tmp/x); '\"`id`"


def more() -> Iterator[Scenario]:
    """Other ways in which the shipped files are started."""
    yield scenario("nightly", "success", name="nightly/only", params={"CLOUD": "azure", "ONLY": "v1.36.3"})
    yield scenario("nightly", "success", name="nightly/none", params={"CLOUD": "azure", "ONLY": "v0"})
    yield scenario(
        "nightly", "success", name="nightly/too-few", rules=[{"step": "sh", "holds": "--expected", "exit": 1}]
    )
    for login in ("managed-identity", "oidc", "password"):
        yield scenario("nightly", "success", name=f"nightly/{login}", env={**AGENTS, "AZURE_LOGIN": login})
    yield scenario(
        "nightly",
        "success",
        name="nightly/one-cell-aborted",
        rules=[{"step": "sh", "holds": "harness run", "aborted": True, "cell": "westeurope"}],
    )
    yield scenario(
        "nightly", "success", name="nightly/untold", rules=[{"step": "sh", "holds": "harness publish", "exit": 2}]
    )
    yield scenario("pr", "success", name="pr/not-asked-for", params={"AZURE": False})
    yield scenario("janitor", "success", name="janitor/dry", params={"DRY_RUN": True})
    yield scenario(
        "janitor", "success", name="janitor/left", rules=[{"step": "sh", "holds": "harness sweep", "exit": 6}]
    )
    for name, run in (("path", "../../etc"), ("empty", ""), ("shell", HOSTILE), ("longer", f"{RUN}/..")):
        yield scenario("ingest", "success", name=f"ingest/{name}", params={"RUN_ID": run})
    hostile = {"RUN_ID": RUN, "DISPLAY_NAME": HOSTILE, "DESCRIPTION": HOSTILE}
    yield scenario("ingest", "success", name="ingest/hostile", params=hostile)
    yield scenario("ingest", "success", name="ingest/nameless", params={"RUN_ID": RUN})
    yield scenario("ingest", "success", name="ingest/none", rules=[{"step": "junit", "missing": True}])
    yield scenario(
        "pr", "success", name="pr/hostile", env={**AGENTS, **PULL, "CHANGE_TARGET": HOSTILE, "CHANGE_FORK": HOSTILE}
    )
