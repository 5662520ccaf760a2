"""The outputs of a template. Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/outputs"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.body import evaluate_loop, evaluate_value
from harness.localazure.templates.context import Context, Forbidden
from harness.localazure.templates.document import section
from harness.localazure.templates.parameters import check_type, typed
from harness.localazure.templates.values import find, has


def evaluate_outputs(template: Mapping[str, Any], context: Context, *, checked: bool) -> dict[str, dict[str, Any]]:
    """The outputs; types are checked only once values are known."""
    results: dict[str, dict[str, Any]] = {}
    for name, output in section(template, "outputs").items():
        path = f"$.outputs.{name}"
        if not isinstance(output, Mapping) or (find(output, "copy") is None and not has(output, "value")):
            raise TemplateError("an output is an object with 'type' and either 'value' or 'copy'", path=path)
        place = Forbidden("the condition of an output")
        if evaluate_value(find(output, "condition", True), context.at(place), f"{path}.condition") is False:
            continue
        loop = find(output, "copy")
        if loop is not None:
            value: Any = evaluate_loop(loop, context, f"{path}.copy", nameless=True)
        else:
            value = evaluate_value(find(output, "value"), context, f"{path}.value")
        if checked:
            results[name] = typed(check_type(find(output, "type"), value, f"output '{name}'", path), value)
    return results
