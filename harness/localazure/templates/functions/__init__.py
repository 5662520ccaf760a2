"""The functions of the template language, by lower-case name; one module a family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.localazure.templates.functions.addresses import ADDRESSES
from harness.localazure.templates.functions.collections import COLLECTIONS
from harness.localazure.templates.functions.deployment import DEPLOYMENT
from harness.localazure.templates.functions.lambdas import LAMBDAS
from harness.localazure.templates.functions.numbers import NUMBERS
from harness.localazure.templates.functions.running import RUNNING, list_function
from harness.localazure.templates.functions.signature import Function
from harness.localazure.templates.functions.strings import STRINGS

__all__ = ["FUNCTIONS", "Function", "list_function"]

FUNCTIONS: Final[Mapping[str, Function]] = {
    **STRINGS,
    **COLLECTIONS,
    **NUMBERS,
    **ADDRESSES,
    **LAMBDAS,
    **DEPLOYMENT,
    **RUNNING,
}
