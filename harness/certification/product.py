"""PRODUCT.yaml: what the vendor says about the product. The harness cannot know it, so it is given as a file and checked.

Fields: cncf/k8s-conformance ``instructions.md``; the bot's rules on them: verify-conformance ``internal/suite/suite.go``, which reads every
value as text and gives up on a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from harness.errors import UsageError

FILE = "PRODUCT.yaml"
REQUIRED = (
    "vendor", "name", "version", "type", "description", "website_url", "documentation_url", "contact_email_address",
)  # fmt: skip
URLS = ("website_url", "repo_url", "documentation_url", "product_logo_url")
TYPES = ("distribution", "hosted platform", "installer")
_LOGOS = (".svg", ".ai", ".eps")


def read(path: Path) -> str:
    """The file's text; raises ``UsageError`` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--product {path} cannot be read: {error}", hint=f"its fields: {', '.join(REQUIRED)}"
        ) from error


def parse(text: str) -> Mapping[str, Any]:
    """The fields; raises ``ValueError`` if it is no mapping."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ValueError("it holds no fields")
    return {str(key): value for key, value in raw.items()}


def wrong_fields(fields: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with each field, a sentence each."""
    for name in REQUIRED:
        if fields.get(name) in (None, ""):
            yield f"{name} is missing"
    for name, value in fields.items():
        if value is not None and not isinstance(value, str):
            yield f"{name}: {value!r} is not text: put it in quotes"
    given = {name: value for name, value in fields.items() if isinstance(value, str) and value}
    for name in URLS:
        if name in given and not _is_url(given[name]):
            yield f"{name}: {given[name]!r} is not a URL"
    if not given.get("product_logo_url", ".svg").lower().endswith(_LOGOS):
        yield f"product_logo_url: {given['product_logo_url']!r} has to be one of {', '.join(_LOGOS)}"
    if "contact_email_address" in given and not _is_address(given["contact_email_address"]):
        yield f"contact_email_address: {given['contact_email_address']!r} is not an address"
    if "type" in given and given["type"] not in TYPES:
        yield f"type: {given['type']!r} is none of: {', '.join(TYPES)}"


def slug(fields: Mapping[str, Any]) -> str:
    """Name of the product's folder: ``turbo-encabulator``."""
    return re.sub(r"[^a-z0-9]+", "-", str(fields.get("name") or "product").lower()).strip("-") or "product"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", parseaddr(text)[1]))
