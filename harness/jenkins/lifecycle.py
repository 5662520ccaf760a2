"""Which failed cases of a build are the life of a cell, and not tests of the product.

A cell that does not come up is one red case of its suite ``<track>.lifecycle``: Jenkins counts it among the failed tests. What is judged
there and is the product's own is conformance that did not run whole, and leftovers where those are forbidden.
"""

from __future__ import annotations

SUITE = "lifecycle"
_PRODUCT = ("proof", "leftovers")


def is_lifecycle(suite: str) -> bool:
    """Whether a suite of this name tells of a cell, not of tests."""
    return suite.rpartition(".")[2] == SUITE


def of_product(suite: str, case: str) -> bool:
    """Whether a failure of this case says something about the product."""
    return not is_lifecycle(suite) or case in _PRODUCT
