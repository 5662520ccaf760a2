"""What has to be true of every build, whatever happens in it: each check returns what speaks against it, empty if nothing does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from harness.settings import duration

from .commands import NotACommandError, Parsed, parse
from .groovy import Trace

Event = dict[str, Any]
Check = Callable[[Trace], list[str]]

SECRET_FILES = (
    "plan.json",
    "config.json",
    ".config.json",
    "kubeconfig.json",
    "cells/v1.37.2-kubeadm-westeurope/kubeconfig",
    "cells/v1.37.2-kubeadm-westeurope/ssh-key",
    "cells/v1.37.2-kubeadm-westeurope/cluster.json",
    "cells/v1.37.2-kubeadm-westeurope/template.json",
    ".teardown.lock",
)
"""Of a run's folder: docs/explanation/secrets.md, and what the Jenkinsfile of 2016 archived."""

_MAY_HAVE_SECRETS = ("run", "down", "sweep")
_MAKES = ("run",)
_WITHOUT_ENVIRONMENT = ("fileExists", "error", "unstable")
"""Steps that start no process and take no variables."""


def commands(trace: Trace) -> Iterator[tuple[Event, Parsed]]:
    """Every step that is a harness command, parsed; what is none is for :func:`every_step_is_one_command`."""
    for event in trace.steps("sh"):
        try:
            parsed = parse(event["arguments"]["script"], event["env"])
        except NotACommandError:
            continue
        if parsed:
            yield event, parsed


def made(trace: Trace) -> Iterator[tuple[Event, Parsed]]:
    """The steps that may create something in a cloud."""
    return ((event, parsed) for event, parsed in commands(trace) if parsed.path in _MAKES)


def cleaned(trace: Trace, event: Event) -> list[tuple[Event, Parsed]]:
    """The commands of the cleanup that belongs to a step: in the same cell, in its stage or in one around it."""
    return [
        (other, parsed)
        for other, parsed in commands(trace)
        if other["post"] == "cleanup"
        and other["cell"] == event["cell"]
        and other["stages"] == event["stages"][: len(other["stages"])]
        and trace.events.index(other) > trace.events.index(event)
    ]


def nothing_is_unknown(trace: Trace) -> list[str]:
    return list(trace.problems)


def every_step_is_one_command(trace: Trace) -> list[str]:
    found = []
    for event in trace.steps("sh"):
        try:
            parse(event["arguments"]["script"], event["env"])
        except NotACommandError as error:
            found.append(f"{event['arguments']['script']}: {error}")
    return found


def teardown_follows_every_run(trace: Trace) -> list[str]:
    """In ``post { cleanup }``, at least begun; and the sweep after it, the more so when the teardown failed, which keeps its ledger."""
    found = []
    for event, run in made(trace):
        after = cleaned(trace, event)
        paths = [parsed.path for _, parsed in after]
        if paths[:1] != ["down"]:
            found.append(f"{_where(event)}: run, and no teardown in cleanup")
        elif paths[1:2] != ["sweep"]:
            found.append(f"{_where(event)}: no sweep after the teardown")
        elif any(parsed.settings.reports != run.settings.reports for _, parsed in after):
            found.append(f"{_where(event)}: the teardown does not look where the run wrote its ledger")
        elif any(other["agent"] != event["agent"] for other, _ in after):
            found.append(f"{_where(event)}: the teardown is on another agent than the ledger")
        elif _fails(trace, after[0][0]) and _removed(trace, run.settings.reports.name, event["cell"]):
            found.append(f"{_where(event)}: the teardown failed, and its ledger is deleted")
    return found


def teardown_is_never_cut_off(trace: Trace) -> list[str]:
    """It has limits of its own, and none that also stands around a run: not even one that has not struck yet."""
    found = []
    for event, parsed in commands(trace):
        if event["post"] != "cleanup":
            continue
        if event["outcome"] in ("timeout", "killed"):
            found.append(f"{_where(event)}: harness {parsed.path} ended by {event['outcome']}")
        if any(wrapper["origin"] == "options" for wrapper in _limits(event)):
            found.append(f"{_where(event)}: harness {parsed.path} inside a limit of options")
        if not _limits(event):
            found.append(f"{_where(event)}: harness {parsed.path} without a limit")
    return found


def limits_are_nested(trace: Trace) -> list[str]:
    """test < suite < run < step < agent; the first two are harness' own, and cut by what is left of the run."""
    found = []
    for event, parsed in made(trace):
        told = parsed.settings
        if not (told.step_limit and told.agent_limit):
            found.append(f"{_where(event)}: the run is not told the limits around it")
            continue
        step = min((_minutes(wrapper) for wrapper in _limits(event)), default=float("inf"))
        if step * 60 != duration(told.step_limit):
            found.append(f"{_where(event)}: --step-limit {told.step_limit}, and the step has {step} minutes")
        whole = _longest(trace, event)
        if whole * 60 >= duration(told.agent_limit):
            found.append(f"{_where(event)}: all steps may take {whole} minutes, and the agent {told.agent_limit}")
    return found


def every_command_has_a_limit(trace: Trace) -> list[str]:
    return [f"{_where(event)}: {event['arguments']['script']}" for event in trace.steps("sh") if not _limits(event)]


def secrets_are_bound_late_and_narrow(trace: Trace) -> list[str]:
    """Around commands that need them: not around setup, reports, checkouts or whole stages."""
    needing = {id(event) for event, parsed in commands(trace) if parsed.path in _MAY_HAVE_SECRETS}
    return [
        f"{_where(event)}: {event['step']} can see {', '.join(event['secrets'])}"
        for event in trace.events
        if event["secrets"] and id(event) not in needing and event["step"] not in _WITHOUT_ENVIRONMENT
    ]


def secrets_are_never_written(trace: Trace) -> list[str]:
    """Neither the value (by Groovy) nor the name (by the shell) of a secret stands in any argument of any step."""
    found = []
    for event in trace.events:
        text = " ".join(map(str, event["arguments"].values()))
        named = [name for name in event["secrets"] if re.search(rf"\b{name}\b", text)]
        if event["leaks"] or named:
            found.append(f"{_where(event)}: {event['step']} tells {', '.join(event['leaks'] or named)}")
    return found


def nothing_secret_is_archived(trace: Trace) -> list[str]:
    found = []
    for event in (*trace.steps("archiveArtifacts"), *trace.steps("stash")):
        arguments = event["arguments"]
        patterns = [*_split(arguments.get("artifacts", arguments.get("includes", "**")))]
        left_out = _split(arguments.get("excludes", ""))
        for run in _run_folders(trace):
            for file in SECRET_FILES:
                path = f"{run}/{file}"
                hit = [pattern for pattern in patterns if ant(pattern, path)]
                if hit and not any(ant(pattern, path) for pattern in left_out):
                    found.append(f"{_where(event)}: {hit[0]} takes {file}")
    return found


def forks_get_nothing(trace: Trace) -> list[str]:
    """Of a build whose pull request comes from a fork: no secret, and no agent on which others find some."""
    if not any("CHANGE_FORK" in event["env"] for event in trace.events):
        return []
    return [
        f"{_where(event)}: {event['step']} on {event['agent']} with {event['secrets']}"
        for event in trace.events
        if event["secrets"] or (event["agent"] and not event["agent"].endswith("-untrusted"))
    ]


def azure_is_used_under_a_lock(trace: Trace) -> list[str]:
    """One cell's worth of quota is held from before the run until after its cleanup."""
    found = []
    for event, parsed in made(trace):
        if parsed.settings.cloud != "azure":
            continue
        for step in (event, *(other for other, _ in cleaned(trace, event))):
            if not any(
                wrapper["name"] == "lock" and wrapper.get("label") == "azure-quota" for wrapper in step["wrappers"]
            ):
                found.append(f"{_where(step)}: {step['arguments']['script'][:40]} outside lock(label: 'azure-quota')")
    return found


def results_are_published(trace: Trace) -> list[str]:
    """Whatever became of a run: junit in ``always``, with what the harness writes for it kept, and none of an earlier build."""
    found = []
    for event, _ in made(trace):
        later = [
            other
            for other in trace.steps("junit", post="always")
            if other["cell"] == event["cell"]
            and other["env"].get("HARNESS_REPORTS") == event["env"].get("HARNESS_REPORTS")
        ]
        if not later:
            found.append(f"{_where(event)}: run, and no junit in always")
        for other in later:
            arguments = other["arguments"]
            if not (
                arguments.get("keepProperties") and arguments.get("keepTestNames") and arguments.get("skipOldReports")
            ):
                found.append(f"{_where(other)}: junit has to keep properties and names, and skip old reports")
            if "symbol:attachments" not in arguments.get("testDataPublishers", ""):
                found.append(f"{_where(other)}: the files that results name are not attached to them")
            if arguments.get("allowEmptyResults"):
                found.append(f"{_where(other)}: no results at all would be green")
            if not arguments["testResults"].startswith(f"{event['env'].get('HARNESS_REPORTS')}/"):
                found.append(f"{_where(other)}: {arguments['testResults']} is not where the run wrote")
    return found


def reports_are_of_this_build_and_cell(trace: Trace) -> list[str]:
    """A folder of their own, so that no build publishes another's results, and no two cells overwrite each other's artifacts."""
    folders = [str(event["env"].get("HARNESS_REPORTS", "")) for event, _ in made(trace)]
    found = [f"{folder!r} is not this build's" for folder in folders if "/7/" not in folder]
    found += [f"{folder} cannot stand in a list of mounts" for folder in folders if ":" in folder]
    return found + ([f"shared: {folders}"] if len(set(folders)) < len(folders) else [])


def builds_are_thrown_away(trace: Trace) -> list[str]:
    return [] if trace.options("buildDiscarder") else ["no buildDiscarder"]


def only_pull_requests_cut_each_other_off(trace: Trace) -> list[str]:
    """A nightly that is cut off by the next one is cut off in the middle of a deployment."""
    given = trace.options("disableConcurrentBuilds")
    cuts = any(argument.get("abortPrevious") for arguments in given for argument in arguments)
    if not given:
        return ["builds of one job overlap"]
    return (
        ["aborts the build before"] if cuts and not any("CHANGE_ID" in event["env"] for event in trace.events) else []
    )


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        nothing_is_unknown,
        every_step_is_one_command,
        teardown_follows_every_run,
        teardown_is_never_cut_off,
        limits_are_nested,
        every_command_has_a_limit,
        secrets_are_bound_late_and_narrow,
        secrets_are_never_written,
        nothing_secret_is_archived,
        forks_get_nothing,
        azure_is_used_under_a_lock,
        results_are_published,
        reports_are_of_this_build_and_cell,
        builds_are_thrown_away,
        only_pull_requests_cut_each_other_off,
    )
}


def ant(pattern: str, path: str) -> bool:
    """Whether an Ant pattern takes a path: ``**`` any folders, ``*`` and ``?`` within a name, a trailing / is /**."""
    whole = pattern + "**" if pattern.endswith("/") else pattern
    parts = []
    for part in whole.split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            parts.append("".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in part) + "/")
    return re.fullmatch("".join(parts), path + "/") is not None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _run_folders(trace: Trace) -> set[str]:
    """Where this build's runs are, and the workspace itself, in which the old Jenkinsfile had its files."""
    reports = {event["env"]["HARNESS_REPORTS"] for event in trace.events if event["env"].get("HARNESS_REPORTS")}
    ids = {f"reports/{event['env']['RUN_ID']}" for event in trace.events if event["env"].get("RUN_ID")}
    return (
        {f"{folder}/latest" for folder in reports}
        | {f"{folder}/20261123-223010-a1b2" for folder in reports}
        | ids
        | {"reports/latest"}
    )


def _limits(event: Event) -> list[dict[str, Any]]:
    return [wrapper for wrapper in event["wrappers"] if wrapper["name"] == "timeout"]


def _minutes(wrapper: dict[str, Any]) -> float:
    return (
        float(wrapper["time"])
        * {"SECONDS": 1 / 60, "MINUTES": 1, "HOURS": 60, "DAYS": 1440}[wrapper.get("unit", "MINUTES")]
    )


def _longest(trace: Trace, run: Event) -> float:
    """Minutes that all that is done on the agent of a run may take: the sum of the outermost limits there."""
    limits = {}
    for event in trace.events:
        same = event["cell"] == run["cell"] and (event["cell"] or event["stages"][:1] == run["stages"][:1])
        if same and event["agent"] == run["agent"] and _limits(event):
            outermost = _limits(event)[0]
            limits[outermost["deadline"], event["post"]] = _minutes(outermost)
    return sum(limits.values())


def _fails(trace: Trace, event: Event) -> bool:
    """Whether it is followed by the error that its exit code becomes."""
    following = trace.events[trace.events.index(event) + 1 :]
    return event["outcome"] != "ok" or bool(following and following[0]["step"] == "error")


def _removed(trace: Trace, reports: str, cell: dict[str, str]) -> bool:
    """Whether the folder of runs is deleted at the end."""
    return any(
        event["cell"] == cell and any(str(wrapper.get("path")).endswith(f"/{reports}") for wrapper in event["wrappers"])
        for event in trace.steps("deleteDir", post="cleanup")
    )


def _where(event: Event) -> str:
    place = [*event["stages"][-1:], f"post {event['post']}" if event["post"] else ""]
    return f"{', '.join(filter(None, place))}, minute {event['began']:g}"
