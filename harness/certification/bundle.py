"""The bundle of a run that qualifies, or every reason why it does not; written only if nobody would have to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import atomic
from harness.certification import junit, log, product, readme, rules
from harness.certification.evidence import Evidence
from harness.certification.rules import Submission
from harness.errors import Outcome

_RELEASE = re.compile(r"(v1\.\d+)\.\d+")


@dataclass(frozen=True)
class Reason:
    """Why a run does not qualify: a heading, and the things it is about."""

    title: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """The outcome of :func:`make`."""

    submission: Submission
    reasons: tuple[Reason, ...]
    """None: it qualifies."""

    def write(self, target: Path) -> Path:
        """Write the files of a bundle that qualifies under ``target/vX.Y/product``; returns that folder."""
        folder = target / self.submission.folder
        for name, text in self.submission.files.items():
            atomic.write(folder / name, text)
        return folder


def make(evidence: Evidence, product_text: str, newest: str = "") -> Bundle:
    """Make the files in memory and judge them.

    :param product_text: the vendor's PRODUCT.yaml; empty if there is none.
    :param newest: newest release of Kubernetes, ``v1.37`` or ``v1.37.2``, to judge whether this one is still taken; empty if not known.
    """
    try:
        fields = product.parse(product_text)
    except ValueError:  # the rule on PRODUCT.yaml says so
        fields = {}
    folder = f"{'.'.join(evidence.version.split('.')[:2])}/{product.slug(fields)}"
    files = {
        "README.md": readme.render(evidence, str(fields.get("name") or "the product")),
        product.FILE: product_text,
        "e2e.log": log.render(evidence),
        "junit_01.xml": junit.render(evidence),
    }
    submission = Submission(folder, f"Conformance results for {folder}", files, evidence.required, newest)
    of_specs, of_versions = tuple(_of_the_specs(evidence)), tuple(_of_the_versions(evidence))
    told = rules.OF_TESTS if of_specs else ()
    of_files = [Reason(broken.rule, broken.why) for broken in rules.check(submission) if broken.rule not in told]
    return Bundle(submission, (*of_specs, *of_versions, *of_files))


def _of_the_specs(evidence: Evidence) -> Iterator[Reason]:
    """What the files alone would not tell, such as why a spec is missing."""
    proof = evidence.proof
    if proof.missing:
        listed = tuple(f"{name} ({why})" for name, why in proof.missing.items())
        yield Reason(f"{len(listed)} of {proof.required} specs did not run", listed)
    for outcome, words in ((Outcome.FAILED, "failed"), (Outcome.FLAKY, "passed only when repeated")):
        found = sorted(result.name for result in evidence.results if result.outcome is outcome)
        if found:
            yield Reason(f"{len(found)} of {proof.required} specs {words}", tuple(found))
    if proof.extra:
        yield Reason("specs ran that conformance does not ask for", proof.extra)


def _of_the_versions(evidence: Evidence) -> Iterator[Reason]:
    if not _RELEASE.fullmatch(evidence.version):
        yield Reason(f"e2e.test is of {evidence.version}, which is no release of Kubernetes")
    others = tuple(f"{item.cell} runs {item.version}" for item in evidence.clusters if item.version != evidence.version)
    if others:
        yield Reason(f"clusters are of another version than e2e.test {evidence.version}", others)
