"""What a resource of a template waits for: ``dependsOn``, ``reference()``, and the batch before it in a serial loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.body import array, evaluate_value
from harness.localazure.templates.context import Forbidden
from harness.localazure.templates.resources import Expanded
from harness.localazure.templates.values import find, kind


def dependencies(each: Expanded, all: Sequence[Expanded], implicit: Iterable[str]) -> list[str]:
    """Ids of deployed resources of this template that come first, without doubles."""
    deployed = {other.declared.id.lower(): other.declared.id for other in all if other.declared.deployed}
    wanted = [*_explicit(each), *implicit, *_batch_before(each, all)]
    known = dict.fromkeys(deployed[id.lower()] for id in wanted if id.lower() in deployed)
    return [id for id in known if id != each.declared.id]


def _explicit(each: Expanded) -> Iterator[str]:
    path = f"{each.path}.dependsOn"
    listed = array(find(each.raw, "dependsOn"), "dependsOn", path)
    context = each.context.at(Forbidden("dependsOn"))
    for at, written in enumerate(listed):
        name = evaluate_value(written, context, f"{path}[{at}]")
        if not isinstance(name, str):
            raise TemplateError(f"dependsOn holds strings, not {kind(name)}", path=f"{path}[{at}]")
        found = context.names.find(name)
        if not found and not context.names.is_loop(name):
            raise TemplateError(f"the resource '{name}' is not defined in the template", path=f"{path}[{at}]")
        loops = {other.loop.lower() for other in found}
        if len(found) > 1 and loops != {found[0].loop.lower()} - {""}:
            ids = ", ".join(other.id for other in found)
            raise TemplateError(f"'{name}' may mean any of {ids}; use resourceId()", path=f"{path}[{at}]")
        yield from (other.id for other in found)


def _batch_before(each: Expanded, all: Sequence[Expanded]) -> Iterator[str]:
    if each.batch > 0:
        loop = each.declared.loop
        yield from (other.declared.id for other in all if other.declared.loop == loop and other.batch == each.batch - 1)
