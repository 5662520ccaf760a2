"""String functions. Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-string"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import uuid
from typing import Any
from urllib.parse import quote, unquote, urljoin

from harness.localazure.templates.context import Context
from harness.localazure.templates.functions.signature import table
from harness.localazure.templates.values import FunctionError, text

_GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d+)(?:,(-?\d+))?(?::([^{}]*))?\}|[{}]")


def _encode(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _decode(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise FunctionError(f"the argument is not base64 of a text: {error}") from error


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise FunctionError(f"the argument is not JSON: {error}") from error


def _format(pattern: str, *values: Any) -> str:
    """.NET's composite format: ``{0}``, ``{0,8}``, ``{0:D3}``, ``{0:X2}``, ``{{`` and ``}}``."""

    def fill(match: re.Match[str]) -> str:
        if (whole := match[0]) in ("{{", "}}"):
            return whole[0]
        if match[1] is None:
            raise FunctionError(
                f"'{whole}' at {match.start()} of '{pattern}' is not a placeholder; double it to keep it"
            )
        if int(match[1]) >= len(values):
            raise FunctionError(f"{whole} has no value: there are {len(values)}")
        shown = _number(values[int(match[1])], match[3]) if match[3] else text(values[int(match[1])])
        width = int(match[2] or 0)
        return shown.rjust(width) if width >= 0 else shown.ljust(-width)

    return _PLACEHOLDER.sub(fill, pattern)


def _number(value: Any, style: str) -> str:
    """An int in one of .NET's standard styles."""
    matched = re.fullmatch(r"([DdXxN])(\d*)", style)
    if matched is None or not isinstance(value, int) or isinstance(value, bool):
        raise FunctionError(f"the format '{style}' is not supported for {text(value)}: D, X and N of an int are")
    digits = int(matched[2] or 0)
    if matched[1] == "N":
        return f"{value:,.{int(matched[2] or 2)}f}"
    shown = f"{abs(value):{matched[1].lower() if matched[1] in 'Dd' else matched[1]}}".rjust(digits, "0")
    return f"-{shown}" if value < 0 else shown


def _guid(*values: str) -> str:
    """A name-based UUID (RFC 9562 version 5) of the joined values; equal values give equal ids."""
    return str(uuid.uuid5(_GUID_NAMESPACE, "-".join(values)))


def _unique_string(*values: str) -> str:
    """Thirteen letters and digits that follow from the values. Azure's own algorithm is not published, so its characters differ."""
    digest = hashlib.sha256("-".join(values).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:13]


def _pad_left(value: str | int, length: int, character: str = " ") -> str:
    if len(character) != 1:
        raise FunctionError(f"the padding is one character, not '{character}'")
    return text(value).rjust(length, character)


def _split(value: str, delimiters: str | list[Any]) -> list[str]:
    wanted = [delimiters] if isinstance(delimiters, str) else delimiters
    if not wanted or not all(isinstance(each, str) and each for each in wanted):
        raise FunctionError("the delimiters are one string or an array of strings, none empty")
    return re.split("|".join(map(re.escape, wanted)), value)


def _substring(value: str, start: int, length: int | None = None) -> str:
    end = len(value) if length is None else start + length
    if start < 0 or end < start or end > len(value):
        raise FunctionError(f"characters {start} to {end} are outside the text of {len(value)}")
    return value[start:end]


def _join(values: list[Any], delimiter: str) -> str:
    return delimiter.join(map(text, values))


def _new_guid(context: Context) -> str:
    if context.now is None:
        raise FunctionError("is allowed only in the default value of a parameter")
    return str(uuid.uuid4())


def _base64_to_json(value: str) -> Any:
    return _json(_decode(value))


def _starts_with(value: str, start: str) -> bool:
    return value.lower().startswith(start.lower())


def _ends_with(value: str, end: str) -> bool:
    return value.lower().endswith(end.lower())


def _replace(value: str, old: str, new: str) -> str:
    if not old:
        raise FunctionError("argument 2 must not be empty")
    return value.replace(old, new)


def _lower(value: str) -> str:
    return value.lower()


def _upper(value: str) -> str:
    return value.upper()


def _trim(value: str) -> str:
    return value.strip()


def _uri(base: str, relative: str) -> str:
    return urljoin(base, relative)


def _uri_component(value: str) -> str:
    return quote(value, safe="~()*!.'")


def _uri_component_to_string(value: str) -> str:
    return unquote(value)


def _string(value: Any) -> str:
    return text(value)


STRINGS = table(
    base64=_encode,
    base64ToString=_decode,
    base64ToJson=_base64_to_json,
    endsWith=_ends_with,
    format=_format,
    guid=_guid,
    join=_join,
    json=_json,
    newGuid=_new_guid,
    padLeft=_pad_left,
    replace=_replace,
    split=_split,
    startsWith=_starts_with,
    string=_string,
    substring=_substring,
    toLower=_lower,
    toUpper=_upper,
    trim=_trim,
    uniqueString=_unique_string,
    uri=_uri,
    uriComponent=_uri_component,
    uriComponentToString=_uri_component_to_string,
)
