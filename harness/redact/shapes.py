"""Secrets that are known by their shape, since the harness does not know every secret that a test may print.

Bearer tokens (RFC 6750) and JWTs, PEM private keys (also inside base64, as kubeconfig holds them), SAS signatures (``sig=`` of
Azure Storage), account keys, client secrets of the directory, kubeadm bootstrap tokens (six and sixteen characters with a dot),
and values after names that always introduce a secret.
"""

from __future__ import annotations

import re

BLANK = "[redacted]"

_PEM = re.compile(
    r"(-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----)"
    r"(?:(?:(?!-----BEGIN ).){0,10000}?(-----END (?:[A-Z]+ )*PRIVATE KEY-----)"  # whatever prefixes the lines
    r"|(?:\s*[A-Za-z0-9+/=]{16,})*(?:\s*[A-Za-z0-9+/=]+\Z)?)",  # its end was cut off
    re.DOTALL,
)
_PEM_TAIL = re.compile(r"\A[A-Za-z0-9+/=\s]*(?=-----END (?:[A-Z]+ )*PRIVATE KEY-----)")
_PEM_BASE64 = re.compile(
    r"LS0tLS1CRUdJTiB(?:SU0EgUFJJVkFURSBLRVk|FQyBQUklWQVRFIEtFW|QUklWQVRFIEtFW|FT1BFTlNTSCBQUklWQVRFI)[A-Za-z0-9+/=]*"
)
_BEARER = re.compile(r"(?i)(\bbearer[\s:=\"']+)(?=[^\s\"']*\d)[A-Za-z0-9._~+/=-]{16,}")
_AUTHORIZATION = re.compile(r"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:basic|sharedkey)\s+)[^\s\"']+")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_SIGNATURE = re.compile(r"(?i)([?&;\s\"']sig(?:nature)?=)[^&\s\"'<>]+")
_BOOTSTRAP = re.compile(r"(?<![\w.])[a-z0-9]{6}\.(?=[0-9]*[a-z])(?=[a-z]*[0-9])[a-z0-9]{16}(?![\w.])")
_CLIENT_SECRET = re.compile(r"(?<![\w.~-])[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}(?![\w.~-])")
"""Of an application in Microsoft Entra; secret scanners know them by these characters."""
_ACCOUNT_KEY = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==")
"""Key of a storage account: 64 random bytes in base64."""
_NAMED = re.compile(
    r"(?i)(\b(?:client[_-]?secret|account[_-]?key|client-key-data|certificate-key|admin[_-]?password|access[_-]?token|refresh[_-]?token)"
    r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]+"
)

_INTRODUCED = (
    (("bearer",), _BEARER),
    (("authorization",), _AUTHORIZATION),
    (("sig=", "signature="), _SIGNATURE),
    (("secret", "key", "password", "token"), _NAMED),
)


def blank_shapes(text: str) -> str:
    """The text with every secret of a recognised shape replaced by ``[redacted]``; none is looked for inside encodings but PEM's."""
    if "PRIVATE KEY-----" in text:
        text = _PEM_TAIL.sub(BLANK, _PEM.sub(rf"\1{BLANK}\2", text))
    if "LS0tLS1CRUdJTi" in text:
        text = _PEM_BASE64.sub(BLANK, text)
    if "eyJ" in text:
        text = _JWT.sub(BLANK, text)
    if "." in text:
        text = _BOOTSTRAP.sub(BLANK, text)
    if "Q~" in text:
        text = _CLIENT_SECRET.sub(BLANK, text)
    if "==" in text:
        text = _ACCOUNT_KEY.sub(BLANK, text)
    lower = text.lower()  # looking for a word first is ten times faster than any of these expressions
    for words, named in _INTRODUCED:
        if any(word in lower for word in words):
            text = named.sub(rf"\1{BLANK}", text)
    return text
