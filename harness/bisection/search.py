"""The search itself: no processes, no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.bisection.api import Answer, Candidate, Step, Verdict
from harness.errors import DeployError, UsageError

Ask = Callable[[Candidate], Step]


def search(candidates: Sequence[Candidate], known: Mapping[str, Step], ask: Ask) -> Answer:
    """The first bad candidate.

    :param candidates: the first is said to be good, the last to be bad; both are tested before anything else.
    :param known: steps of an earlier, interrupted search, in their order; they are not repeated.
    :raises UsageError: if the ends are not what they are said to be.
    :raises DeployError: if an end cannot be tested.
    """
    steps = dict(known)

    def verdict(index: int) -> Verdict:
        candidate = candidates[index]
        if candidate.name not in steps:
            steps[candidate.name] = ask(candidate)
        return steps[candidate.name].verdict

    low, high = 0, len(candidates) - 1
    for end, wanted in ((high, Verdict.BAD), (low, Verdict.GOOD)):
        _check_end(candidates[end], wanted, verdict(end), steps)
    untestable: set[int] = set()
    while (index := _middle(low, high, untestable)) is not None:
        match verdict(index):
            case Verdict.GOOD:
                low = index
            case Verdict.BAD:
                high = index
            case Verdict.UNTESTABLE:
                untestable.add(index)
    return Answer(candidates[high], candidates[low], tuple(candidates[low + 1 : high]), tuple(steps.values()))


def left(candidates: int) -> int:
    """Steps that a search of so many untested candidates takes at most, if all can be tested."""
    return max(0, candidates).bit_length()


def _middle(low: int, high: int, untestable: set[int]) -> int | None:
    """The testable index nearest to the middle between both."""
    between = [index for index in range(low + 1, high) if index not in untestable]
    return min(between, key=lambda index: (abs(2 * index - low - high), index), default=None)


def _check_end(candidate: Candidate, wanted: Verdict, found: Verdict, steps: Mapping[str, Step]) -> None:
    if found is wanted:
        return
    step = steps[candidate.name]
    where = f"; see {step.folder}" if step.folder else ""
    if found is Verdict.UNTESTABLE:
        raise DeployError(
            f"test {candidate.name}, the {wanted} end",
            last_seen=step.message,
            hint=f"without it there is no search{where}",
        )
    passes = "passes" if found is Verdict.GOOD else "fails"
    raise UsageError(
        f"the test {passes} on {candidate.name}, which is given as {wanted}{where}", hint=f"give another --{wanted}"
    )
