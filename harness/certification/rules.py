"""The submission bot's rules on the files of a bundle, implemented anew: what it would refuse is said here first.

Each rule is a scenario of kubernetes-sigs/verify-conformance ``kodata/features/verify-conformance.feature``. For the tests the bot reads
junit_01.xml alone; that e2e.log says the same is what people look at. What needs the network or the pull request itself is listed in
:data:`UNCHECKED`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from harness.certification import product

FILES = ("README.md", product.FILE, "e2e.log", "junit_01.xml")
UNCHECKED = (
    "that website_url, repo_url and documentation_url answer with HTML",
    "that the pull request has exactly one commit",
)
_TITLE = re.compile(r"(.*) (v1\.[0-9]{2})[ /](.*)")
_FOLDER = re.compile(r"(v1\.[0-9]{2})/([^/]+)")
_SUPPORTED = 2
"""Releases before the newest that are still taken."""


@dataclass(frozen=True)
class Submission:
    """What a pull request would hold."""

    folder: str
    """``v1.37/turbo-encabulator``."""
    title: str
    files: Mapping[str, str]
    """Name -> text."""
    required: tuple[str, ...]
    """Full texts of conformance.yaml."""
    newest: str = ""
    """Newest release of Kubernetes, ``v1.37`` or ``v1.37.2``; empty if not known."""

    @property
    def release(self) -> str:
        """``v1.37``, by the folder."""
        return self.folder.partition("/")[0]


@dataclass(frozen=True)
class Broken:
    """A rule that is not kept."""

    rule: str
    why: tuple[str, ...]


def check(submission: Submission) -> list[Broken]:
    """Everything that would be refused, in the order of the rules; empty if it would be taken."""
    return [Broken(rule, found) for rule, judge in RULES.items() if (found := tuple(judge(submission)))]


def _files(submission: Submission) -> Iterator[str]:
    for name in FILES:
        if not submission.files.get(name):
            yield f"{name} is missing or empty"
    for name in submission.files:
        if name not in FILES:
            yield f"{name} does not belong to a submission"


def _folder(submission: Submission) -> Iterator[str]:
    if not _FOLDER.fullmatch(submission.folder):
        yield f"{submission.folder!r} is not like v1.37/product"


def _title(submission: Submission) -> Iterator[str]:
    found = _TITLE.fullmatch(submission.title)
    if not found or not found[3]:
        yield f"{submission.title!r} does not name a release and a product"
    elif found[2] != submission.release:
        yield f"{submission.title!r} names {found[2]}, the folder {submission.release}"


def _product(submission: Submission) -> Iterator[str]:
    if text := submission.files.get(product.FILE):
        try:
            yield from product.wrong_fields(product.parse(text))
        except ValueError as error:
            yield str(error)


def _supported(submission: Submission) -> Iterator[str]:
    if submission.newest:
        newest, ours = _minor(submission.newest), _minor(submission.release)
        if newest is None:
            yield f"{submission.newest!r} is not a release"
        elif ours is None or ours < newest - _SUPPORTED:
            yield f"{submission.release} is older than v1.{newest - _SUPPORTED}, the oldest that is taken"


def _present(submission: Submission) -> Iterator[str]:
    try:
        passed = {name for name, well in _conformance_cases(submission) if well}
    except ElementTree.ParseError as error:
        yield f"junit_01.xml is not XML: {error}"
        return
    for name in submission.required:
        if name not in passed:
            yield f"missing or failed: {name}"


def _passed(submission: Submission) -> Iterator[str]:
    try:
        yield from (f"failed: {name}" for name, well in _conformance_cases(submission) if not well)
    except ElementTree.ParseError:  # said by the rule before
        return


def _log(submission: Submission) -> Iterator[str]:
    text = submission.files.get("e2e.log", "")
    ran = re.search(r"^Ran (\d+) of (\d+) Specs in [\d.]+ seconds$", text, re.MULTILINE)
    ended = re.search(
        r"^(SUCCESS!|FAIL!) -- (\d+) Passed \| (\d+) Failed \| \d+ Pending \| (\d+) Skipped$", text, re.MULTILINE
    )
    if not ran or not ended:
        yield "it does not say what ran and how it ended"
        return
    if ended[1] != "SUCCESS!" or ended[3] != "0":
        yield f"it ends with {ended[0]}"
    wanted = len(submission.required)
    if (int(ran[1]), int(ended[2])) != (wanted, wanted):
        yield f"{ran[1]} ran and {ended[2]} passed, of {wanted} that conformance asks for"
    try:
        cases = list(_cases(submission))
    except ElementTree.ParseError:
        return
    passed = sum(case.get("status") == "passed" for case in cases)
    if (passed, len(cases)) != (int(ended[2]), int(ran[2])):
        yield f"junit_01.xml has {passed} passed cases of {len(cases)}, e2e.log {ended[2]} of {ran[2]}"


Rule = Callable[[Submission], Iterator[str]]
RULES: Mapping[str, Rule] = {
    "submission has all required files and no others": _files,
    "submission has files in a folder release/product": _folder,
    "title contains release and product, the same as the folder": _title,
    "PRODUCT.yaml has all required fields, well-formed": _product,
    "the release is a supported version of Kubernetes": _supported,
    "all required conformance tests are present in junit_01.xml": _present,
    "all tests pass": _passed,
    "e2e.log says the same as junit_01.xml": _log,
}
OF_TESTS = tuple(rule for rule, judge in RULES.items() if judge in (_present, _passed, _log))
"""Rules that a run with missing or failed specs breaks for sure."""


def _cases(submission: Submission) -> Iterator[ElementTree.Element]:
    root = ElementTree.fromstring(submission.files.get("junit_01.xml", "").encode())  # noqa: S314 - our own text
    return root.iter("testcase")


def _conformance_cases(submission: Submission) -> Iterator[tuple[str, bool]]:
    """(spec's full text, whether it passed) of the cases that the bot looks at."""
    for case in _cases(submission):
        name = str(case.get("name", ""))
        if "[Conformance]" in name and case.find("skipped") is None:
            well = case.find("failure") is None and case.find("error") is None
            yield name.removeprefix("[It] "), well


def _minor(release: str) -> int | None:
    found = re.fullmatch(r"v1\.(\d+)(\..*)?", release)
    return int(found[1]) if found else None
