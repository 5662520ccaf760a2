"""What the command line takes away from what ``specs.yaml`` files select: ginkgo's ``--label-filter``, ``--focus`` and ``--skip``.

As in ginkgo, patterns are searched in a spec's full text, labels included (``\\[Conformance\\]``); they are also searched in its stable
name, so that ``Job should delete a job$`` means what it says. Meaning of the flags: ginkgo v2.32 ``internal/focus.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.errors import UsageError
from harness.ginkgo.api import Spec
from harness.ginkgo.labels import Filter, parse_filter


@dataclass(frozen=True)
class Narrowing:
    """One command line's flags, checked; without any, every spec is wanted."""

    flags: str = ""
    """As people would write them: ``--focus 'Job' --skip 'Slow'``; empty if there are none."""
    chooses: bool = False
    """Whether a label filter or a focus was given: then only specs are wanted, and of those the matching ones."""
    label_filter: Filter = field(default=lambda labels: True)
    focus: tuple[re.Pattern[str], ...] = ()
    skip: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, label_filter: str, focus: Iterable[str], skip: Iterable[str]) -> Narrowing:
        """Parse the flags; raises ``UsageError`` that names the flag and the mistake."""
        focus, skip = tuple(focus), tuple(skip)
        try:
            labels = parse_filter(label_filter)
        except UsageError as error:
            raise UsageError(f"--label-filter: {error.attempted}", hint=error.hint) from error
        given = [("--label-filter", label_filter)] if label_filter else []
        given += [("--focus", text) for text in focus] + [("--skip", text) for text in skip]
        return cls(
            flags=" ".join(f"{flag} {text!r}" for flag, text in given),
            chooses=bool(label_filter or focus),
            label_filter=labels,
            focus=tuple(_pattern("--focus", text) for text in focus),
            skip=tuple(_pattern("--skip", text) for text in skip),
        )

    def wants(self, spec: Spec) -> bool:
        """Whether all flags leave this spec in."""
        return (
            self.label_filter(spec.labels)
            and (not self.focus or any(_found(pattern, spec) for pattern in self.focus))
            and not any(_found(pattern, spec) for pattern in self.skip)
        )


def _found(pattern: re.Pattern[str], spec: Spec) -> bool:
    return bool(pattern.search(spec.text) or pattern.search(spec.name))


def _pattern(flag: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"{flag}: {text!r} is not a regular expression: {error}", hint="escape [ and ] as \\["
        ) from error
