"""Whatever JSON comes in, the answer is an evaluation or a TemplateError: never a defect of ours shown as status 500."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.localazure.templates.api import ResourceGroup, Scope, TemplateError
from harness.localazure.templates.engine import evaluate

from .conftest import SUBSCRIPTION, patient, template

KEYS = st.sampled_from(
    [
        *("a", "b", "copy", "count", "input", "name", "type", "apiVersion", "value", "defaultValue"),
        *("allowedValues", "minValue", "maxLength", "condition", "dependsOn", "resources", "properties"),
        *("template", "parameters", "output", "members", "namespace", "existing", "scope", "resourceGroup"),
        *("mode", "batchSize", "expressionEvaluationOptions", "nullable"),
    ]
)
TEXTS = st.sampled_from(
    [
        *("a", "1", "int", "string", "array", "object", "secureString", "A.B/c", "A.B/c/d", "x/y"),
        *("Microsoft.Resources/deployments", "outer", "inner", "serial", "[copyIndex()]"),
        *("[copyIndex('a')]", "[parameters('a')]", "[variables('a')]", "[reference('a').x]"),
        *("[createArray(1)]", "[true()]", "[range(0,3)]", "[lambda('x',1)]"),
        *("[map(range(0,2),lambda('x',reference('a')))]", "[concat(", "[my.f(1)]", "[json('{}')]"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
RESOURCES = st.fixed_dictionaries(
    {"type": TEXTS, "name": TEXTS, "apiVersion": st.just("2025-05-01")},
    optional={
        "copy": JSON,
        "condition": JSON,
        "dependsOn": JSON,
        "properties": JSON,
        "resources": JSON,
        "scope": JSON,
        "existing": JSON,
    },
)


def lookup(resource_id: str, api_version: str, full: bool, action: str = "") -> dict[str, Any]:
    return {"x": 1}


@settings(patient, max_examples=100)
@given(
    parameters=JSON,
    variables=JSON,
    functions=JSON,
    resources=st.lists(RESOURCES, max_size=3) | st.dictionaries(KEYS, RESOURCES, max_size=3) | JSON,
    outputs=JSON,
    values=JSON,
)
def test_any_json_is_evaluated_or_refused(values: Any, **sections: Any) -> None:
    scope = Scope(SUBSCRIPTION, ResourceGroup("rg-1", "westeurope"), "d", "adfs")
    with contextlib.suppress(TemplateError):
        evaluation = evaluate(template(**sections), values, scope)
        for resource in evaluation.resources:
            resource.resolve(lookup)
            resource.nested(lookup, scope)
        evaluation.outputs(lookup)
