"""Turns ginkgo's JSON reports (v2.32 ``types.SpecReport``, ``types.ProgressReport``) into spec results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast, get_args, get_type_hints

from harness.ginkgo.api import SpecResult, Step

_STATES = get_args(get_type_hints(SpecResult)["state"])
_NANOSECONDS = 1e9


def report_text(report: Mapping[str, Any]) -> str:
    """The spec's full text, as in the inventory."""
    return " ".join(
        " ".join([*(report.get("ContainerHierarchyTexts") or []), report.get("LeafNodeText") or ""]).split()
    )


def result_of(report: Mapping[str, Any]) -> SpecResult:
    """The result that a finished spec's report tells."""
    failure = report.get("Failure") or {}
    messages = [_message(failure)] if failure else []
    for extra in report.get("AdditionalFailures") or []:
        messages.append(f"then {extra.get('State', 'failed')}: {_message(extra.get('Failure') or {})}")
    state = report.get("State")
    return SpecResult(
        state=cast(Any, state if state in _STATES else "failed"),
        seconds=float(report.get("RunTime") or 0) / _NANOSECONDS,
        message="\n".join(messages),
        location=_location(failure.get("Location") or {}),
        output="".join(filter(None, [report.get("CapturedGinkgoWriterOutput"), report.get("CapturedStdOutErr")])),
        steps=_steps(report),
    )


def lost(state: str, message: str, seconds: float, output: str, progress: Mapping[str, Any]) -> SpecResult:
    """The result of a spec whose process told nothing more; ``progress`` is the last progress report it sent, if any."""
    step = progress.get("CurrentStepText")
    return SpecResult(
        state=cast(Any, state),
        seconds=seconds,
        message=f"{message}; it was at the step: {step}" if step else message,
        location=_location(progress.get("CurrentNodeLocation") or {}),
        output=(progress.get("CapturedGinkgoWriterOutput") or "") + output,
        steps=(),
    )


def _message(failure: Mapping[str, Any]) -> str:
    panic = failure.get("ForwardedPanic")
    return f"{failure.get('Message', '')}\n{panic}".strip() if panic else str(failure.get("Message", "")).strip()


def _location(raw: Mapping[str, Any]) -> str:
    """``test/e2e/apps/job.go:123``."""
    name = str(raw.get("FileName") or "")
    return f"{name[max(0, name.find('test/e2e')) :]}:{raw.get('LineNumber', 0)}" if name else ""


def _steps(report: Mapping[str, Any]) -> tuple[Step, ...]:
    began = _time(str(report.get("StartTime") or ""))
    return tuple(
        Step(str(event.get("Message", "")), max(0.0, _time(event["TimelineLocation"]["Time"]) - began))
        for event in report.get("SpecEvents") or []
        if event.get("SpecEventType") == "By"
    )


def _time(text: str) -> float:
    """Unix time of Go's RFC 3339 with up to nine decimals; 0 if there is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
