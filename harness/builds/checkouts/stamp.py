"""The version that a commit calls itself, by the rules of upstream's hack/lib/version.sh, which hack/print-workspace-status.sh prints.

``git describe`` counts commits since the nearest tag: ``v1.37.2-5-g0123456789abcd``. Upstream turns that into a semantic
version: the commit becomes build metadata, and the count joins the pre-release part if the tag has one.
"""

from __future__ import annotations

import re

DIGITS = 14
"""Digits of the commit in a version."""
_DESCRIBED = re.compile(rf"(?P<tag>.+)-(?P<count>\d+)-g(?P<commit>[0-9a-f]{{{DIGITS}}})")
_SEMANTIC = re.compile(r"v(\d+)\.(\d+)(\.\d+)?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_RELEASE = re.compile(r"v\d+\.\d+\.\d+(-(?:alpha|beta|rc)\.\d+)?")


def version_of(described: str, *, dirty: bool) -> str:
    """``v1.37.2-5-g0123456789abcd`` as ``v1.37.2-5+0123456789abcd``, ``v1.38.0-alpha.1-5-g...`` as ``v1.38.0-alpha.1.5+...``."""
    match = _DESCRIBED.fullmatch(described)
    if match and "+" not in match["tag"]:
        described = f"{match['tag']}{'.' if '-' in match['tag'] else '-'}{match['count']}+{match['commit']}"
    return described + ("-dirty" if dirty else "")


def is_semantic(version: str) -> bool:
    """Whether upstream would build under this version."""
    return _SEMANTIC.fullmatch(version) is not None


def base(version: str) -> str:
    """The release or pre-release a version stands on: ``v1.37.2`` of ``v1.37.2-5+0123456789abcd``; itself if it names none."""
    match = _RELEASE.match(version)
    return match[0] if match else version


def values(version: str, *, commit: str, state: str, date: str) -> dict[str, str]:
    """What is stamped into programs; the minor version of what is between two releases ends with a plus."""
    match = _SEMANTIC.fullmatch(version)
    minor = (match[2] + ("+" if match[4] else "")) if match else ""
    return {"gitMinor": minor, "gitCommit": commit, "gitTreeState": state, "buildDate": date}
