"""How Jenkins' junit plugin makes an address of a test out of its name.

Read in jenkinsci/junit-plugin, August 2026: ``CaseResult.getSafeName`` keeps every UTF-16 unit that Java lets stand in an identifier,
letters of all scripts in either case among them; ``TestObject.safe``, for packages and classes, replaces only what a path cannot hold.
Packages and classes that become alike are one. Of cases of one class that become alike, ``uniquifyName`` numbers the later ones in the
order in which it is asked for them: each has a page, but not the same in every build.
"""

from __future__ import annotations

import unicodedata

_PART = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Nd", "Mn", "Mc", "Pc", "Sc", "Cf"))
"""Unicode categories of ``Character.isJavaIdentifierPart``; of controls (Cc), those that are ignorable."""
_UNSAFE = frozenset('"#%/:<>?[\\]^`{|}\x7f')


def case_address(name: str) -> str:
    """The last part of the address of a case's page, before it is numbered; Java has two units for what is beyond U+FFFF."""
    return "".join(("__" if ord(char) > 0xFFFF else char if _part(char) else "_") for char in name)


def class_address(classname: str) -> tuple[str, str]:
    """Package and class, as in the address of a class."""
    package, _, name = classname.rpartition(".")
    return _safe(package or "(root)"), _safe(name)


def _part(char: str) -> bool:
    code = ord(char)
    ignorable = code <= 0x08 or 0x0E <= code <= 0x1B or 0x7F <= code <= 0x9F
    return ignorable or unicodedata.category(char) in _PART


def _safe(text: str) -> str:
    return "".join("_" if char <= " " or char in _UNSAFE else char for char in text) or "(empty)"
