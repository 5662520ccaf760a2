"""A whole bisection: candidates, steps that are not known yet, and the answer in words."""

from __future__ import annotations

from collections.abc import Callable

from harness.bisection.api import Answer, Candidate, Runner, Step, Subject, Walk
from harness.bisection.record import Record
from harness.bisection.search import left, search
from harness.reporting.comparison.commits import address
from harness.reporting.words import duration


def bisect(
    walk: Walk, runner: Runner, record: Record, subject: Subject, ends: tuple[str, str], say: Callable[[str], None]
) -> Answer:
    """Find the first bad candidate between the ends (good, bad).

    :raises AbortedError: when interrupted; calling it again goes on.
    """
    candidates = walk.candidates(*ends)
    known = record.steps()
    say(f"{len(candidates)} candidates from {candidates[0].name} to {candidates[-1].name}, {len(known)} tested before")
    say(f"at most {2 + left(len(candidates) - 2)} steps, if all of them can be tested; {record.folder}")

    def ask(candidate: Candidate) -> Step:
        place = record.place(candidate.name)
        if place.exists():
            runner.clean(place)
        say(f"{candidate.name}  {candidate.title}".rstrip())
        step = runner.test(candidate, subject, place)
        record.add(step)
        say(f"    {step.verdict} after {duration(step.seconds)}  {step.message}".rstrip())
        return step

    return search(candidates, known, ask)


def told(answer: Answer) -> str:
    """The answer and its evidence, in lines."""
    bad, good, step = answer.first_bad, answer.last_good, answer.evidence
    rows = [f"first bad: {bad.name}  {bad.title}".rstrip(), f"last good: {good.name}  {good.title}".rstrip()]
    for suspect in answer.suspects:
        rows.append(f"untestable between them: {suspect.name}  {suspect.title}".rstrip())
    if between := address(good.name, bad.name):
        rows.append(f"between them: {between}")
    rows += [f"evidence: {step.message}", f"          {step.folder}/index.html", "steps:"]
    rows += [
        f"  {item.verdict:<11} {item.candidate:<14} {duration(item.seconds):>12}  {item.message}".rstrip()
        for item in answer.steps
    ]
    return "\n".join(rows) + "\n"
