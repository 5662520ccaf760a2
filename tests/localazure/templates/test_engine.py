"""Whole templates: parameters, loops, conditions, dependencies, nesting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.localazure.templates.api import Evaluation, ResourceGroup, Scope, TemplateError
from harness.localazure.templates.engine import evaluate

from .conftest import GROUP, NETWORK, SUBSCRIPTION, never, template

Run = Callable[..., Evaluation]


def resource(type: str, name: str, **keys: Any) -> dict[str, Any]:
    return {"type": f"Microsoft.Network/{type}", "apiVersion": "2025-05-01", "name": name, **keys}


def names(evaluation: Evaluation) -> list[str]:
    return [each.name for each in evaluation.resources]


def test_parameters_have_types_defaults_and_limits(run: Run) -> None:
    declared = {
        "count": {"type": "int", "defaultValue": 2, "minValue": 1, "maxValue": 3},
        "size": {"type": "String", "allowedValues": ["small", "large"], "defaultValue": "small"},
        "key": {"type": "securestring"},
        "prefix": {"type": "string", "defaultValue": "[concat(parameters('SIZE'), '-', utcNow('yyyy-MM-dd'))]"},
        "maybe": {"type": "string", "nullable": True},
    }
    evaluation = run({"key": {"value": "s3cret"}, "Count": {"value": 3}}, parameters=declared)
    assert evaluation.parameters == {
        "count": {"type": "Int", "value": 3},
        "size": {"type": "String", "value": "small"},
        "key": {"type": "SecureString"},
        "prefix": {"type": "String", "value": "small-2026-11-23"},
        "maybe": {"type": "String", "value": None},
    }


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ({"type": "int"}, {"value": "5"}, "declared as Int but its value is a string"),
        ({"type": "int"}, {"value": True}, "its value is a bool"),
        ({"type": "number"}, {"value": 5}, "allowed are String"),
        ({"type": "int", "maxValue": 4}, {"value": 5}, "its value is above the maximum 4"),
        ({"type": "string", "minLength": 4}, {"value": "abc"}, "its length is below the minimum 4"),
        ({"type": "string", "allowedValues": ["a"]}, {"value": "b"}, "'b' is none of: a"),
        ({"type": "string"}, None, "no value was given for parameter 'p'"),
        ({"type": "string"}, {"reference": {}}, "Key Vault"),
        ({"type": "string"}, "plain", "an object with 'value'"),
        ({"type": "string", "defaultValue": "[parameters('p')]"}, None, "in a circle: p -> p"),
        ({"type": "string", "defaultValue": "[reference('x').y]"}, None, "needs a deployed resource"),
    ],
)
def test_wrong_parameters_are_refused(run: Run, declaration: Any, given: Any, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        run({} if given is None else {"p": given}, parameters={"p": declaration})
    assert message in str(caught.value)
    assert "$.parameters.p" in str(caught.value)


def test_a_secret_is_not_in_the_message(run: Run) -> None:
    declared = {"p": {"type": "secureString", "allowedValues": ["x"]}}
    with pytest.raises(TemplateError) as caught:
        run({"p": {"value": "hunter2"}}, parameters=declared)
    assert "hunter2" not in str(caught.value)


def test_values_for_unknown_parameters_are_refused(run: Run) -> None:
    with pytest.raises(TemplateError, match="does not declare: b; it declares: a"):
        run({"b": {"value": 1}}, parameters={"a": {"type": "int", "defaultValue": 1}})


def test_values_given_are_never_expressions(run: Run) -> None:
    evaluation = run({"p": {"value": "[concat('a')]"}}, parameters={"p": {"type": "string"}})
    assert evaluation.parameters["p"]["value"] == "[concat('a')]"


def test_variables_use_each_other_and_loops(run: Run, value: Callable[..., Any]) -> None:
    variables = {
        "base": "10.0.0.0/8",
        "nets": {
            "copy": [{"name": "list", "count": 2, "input": "[cidrSubnet(variables('base'), 16, copyIndex('list'))]"}]
        },
        "copy": [{"name": "doubles", "count": 3, "input": "[mul(2, copyIndex('doubles', 1))]"}],
    }
    assert value("[variables('nets').list[1]]", variables=variables) == "10.1.0.0/16"
    assert value("[variables('Doubles')]", variables=variables) == [2, 4, 6]
    with pytest.raises(TemplateError, match="in a circle: a -> b -> a"):
        run(variables={"a": "[variables('b')]", "b": "[variables('a')]"})


def test_an_unused_variable_is_checked_as_well(run: Run) -> None:
    with pytest.raises(TemplateError, match=r"\$\.variables\.bad"):
        run(variables={"bad": "[nonsense()]"})


def test_a_loop_makes_resources_and_properties(run: Run) -> None:
    machine = resource(
        "networkInterfaces",
        "[concat('nic-', copyIndex(1))]",
        copy={"name": "nics", "count": "[length(createArray('a', 'b'))]"},
        properties={
            "copy": [{"name": "ips", "count": 2, "input": "[format('{0}.{1}', copyIndex(), copyIndex('ips'))]"}]
        },
    )
    after = resource("loadBalancers", "lb", dependsOn=["nics"])
    evaluation = run(resources=[after, machine])
    assert names(evaluation) == ["nic-1", "nic-2", "lb"]
    assert evaluation.resources[1].body["properties"] == {"ips": ["1.0", "1.1"]}
    assert evaluation.resources[2].depends_on == (
        f"{NETWORK}/networkInterfaces/nic-1",
        f"{NETWORK}/networkInterfaces/nic-2",
    )


def test_a_loop_of_no_turns_may_be_depended_on(run: Run) -> None:
    loop = resource("networkInterfaces", "[concat('nic-', copyIndex())]", copy={"name": "nics", "count": 0})
    assert names(run(resources=[loop, resource("loadBalancers", "lb", dependsOn=["nics"])])) == ["lb"]


def test_a_serial_loop_goes_batch_by_batch(run: Run) -> None:
    copy = {"name": "all", "count": 4, "mode": "serial", "batchSize": 2}
    evaluation = run(resources=[resource("networkInterfaces", "[string(copyIndex())]", copy=copy)])
    assert [tuple(id[-1] for id in each.depends_on) for each in evaluation.resources] == [
        (),
        (),
        ("0", "1"),
        ("0", "1"),
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "vnet",
        "[variables('name')]",
        "Microsoft.Network/virtualNetworks/VNET",
        "[resourceId('microsoft.network/virtualnetworks', 'vnet')]",
    ],
)
def test_dependencies_are_found_by_name_or_id(run: Run, reference: str) -> None:
    nic = resource("networkInterfaces", "nic", dependsOn=[reference])
    evaluation = run(variables={"name": "vnet"}, resources=[nic, resource("virtualNetworks", "vnet")])
    assert names(evaluation) == ["vnet", "nic"]


def test_wrong_dependencies_are_refused(run: Run) -> None:
    with pytest.raises(TemplateError, match="'other' is not defined in the template"):
        run(resources=[resource("networkInterfaces", "nic", dependsOn=["other"])])
    both = [resource("virtualNetworks", "x"), resource("routeTables", "x")]
    with pytest.raises(TemplateError, match=r"may mean any of .*; use resourceId"):
        run(resources=[*both, resource("networkInterfaces", "nic", dependsOn=["x"])])
    circle = [resource("virtualNetworks", "a", dependsOn=["b"]), resource("routeTables", "b", dependsOn=["a"])]
    with pytest.raises(TemplateError, match=r"in a circle: .*/a -> .*/b -> .*/a"):
        run(resources=circle)
    with pytest.raises(TemplateError, match=r"declared before, at \$\.resources\[0\]"):
        run(resources=[resource("virtualNetworks", "a"), resource("virtualNetworks", "A")])


def test_conditions_leave_resources_out_and_dependencies_alone(run: Run) -> None:
    evaluation = run(
        resources=[
            resource("routeTables", "rt", condition="[equals(1, 2)]"),
            resource("virtualNetworks", "vnet", condition=True, dependsOn=["rt"]),
        ]
    )
    assert names(evaluation) == ["vnet"]
    assert evaluation.resources[0].depends_on == ()


def test_references_are_dependencies_and_wait_for_the_resource(run: Run) -> None:
    machine = resource(
        "networkInterfaces",
        "nic",
        properties={
            "static": "[toUpper('x')]",
            "either": "[if(empty(reference('pip', '2020-01-01', 'Full').etag), reference('vnet').a, 'b')]",
            "mapped": "[map(createArray('pip'), lambda('n', reference(lambdaVariables('n')).ipAddress))]",
            "keys": "[listKeys(resourceId('Microsoft.Storage/storageAccounts', 'elsewhere'), '2023-01-01').keys[0].value]",
        },
    )
    evaluation = run(
        resources=[machine, resource("virtualNetworks", "vnet"), resource("publicIPAddresses", "pip")],
        outputs={
            "address": {"type": "string", "value": "[reference('pip').ipAddress]"},
            "no": {"type": "int", "condition": False, "value": 1},
        },
    )
    asked: list[tuple[str, str, bool, str]] = []

    def lookup(resource_id: str, api_version: str, full: bool, action: str = "") -> dict[str, Any]:
        asked.append((resource_id.rpartition("/")[2], api_version, full, action))
        return {"etag": "e", "ipAddress": "203.0.113.7", "keys": [{"value": "k"}]}

    nic = evaluation.resources[-1]
    assert names(evaluation) == ["vnet", "pip", "nic"]
    assert sorted(id.rpartition("/")[2] for id in nic.depends_on) == ["pip", "vnet"]
    assert nic.body["properties"]["static"] == "X"
    assert nic.body["properties"]["keys"].startswith("[listKeys(")
    assert nic.resolve(lookup)["properties"] == {"static": "X", "either": "b", "mapped": ["203.0.113.7"], "keys": "k"}
    assert evaluation.outputs(lookup) == {"address": {"type": "String", "value": "203.0.113.7"}}
    assert asked[0] == ("pip", "2020-01-01", True, "")
    assert asked[1] == ("pip", "2025-05-01", False, "")
    assert asked[2] == ("elsewhere", "2023-01-01", True, "listKeys")


def test_names_must_be_known_beforehand(run: Run) -> None:
    with pytest.raises(TemplateError, match="cannot be used in the name of a resource"):
        run(resources=[resource("virtualNetworks", "[reference('x').name]")])


def test_children_take_type_and_name_from_their_parent(run: Run) -> None:
    subnet = {"type": "subnets", "apiVersion": "2025-05-01", "name": "s", "dependsOn": ["vnet"], "properties": {}}
    evaluation = run(resources=[resource("virtualNetworks", "vnet", resources=[subnet])])
    assert evaluation.resources[1].id == f"{NETWORK}/virtualNetworks/vnet/subnets/s"
    assert evaluation.resources[1].type == "Microsoft.Network/virtualNetworks/subnets"
    assert "resources" not in evaluation.resources[0].body
    with pytest.raises(TemplateError, match=r"has 1 segments, but the type .* needs 2"):
        run(resources=[resource("virtualNetworks/subnets", "s")])


def test_symbolic_names(run: Run) -> None:
    evaluation = run(
        languageVersion="2.0",
        resources={
            "lb": resource("loadBalancers", "lb", dependsOn=["nics", "old"], properties={"a": "[reference('old').x]"}),
            "nics": resource(
                "networkInterfaces",
                "[format('nic-{0}', copyIndex())]",
                copy={"name": "nics", "count": 2},
                dependsOn=["[format('pips[{0}]', copyIndex())]"],
            ),
            "pips": resource(
                "publicIPAddresses", "[format('pip-{0}', copyIndex())]", copy={"name": "pips", "count": 2}
            ),
            "old": resource("routeTables", "old", existing=True),
        },
        outputs={
            "ids": {"type": "array", "copy": {"count": 2, "input": "[reference(format('pips[{0}]', copyIndex())).id]"}},
            "all": {
                "type": "array",
                "value": "[map(references('pips', 'full'), lambda('p', lambdaVariables('p').id))]",
            },
            "info": {"type": "string", "value": "[resourceInfo('old').id]"},
        },
    )
    assert names(evaluation) == ["pip-0", "nic-0", "pip-1", "nic-1", "lb"]
    assert evaluation.resources[1].depends_on == (f"{NETWORK}/publicIPAddresses/pip-0",)
    outputs = evaluation.outputs(lambda resource_id, *_: {"id": resource_id.rpartition("/")[2]})
    assert outputs["ids"]["value"] == outputs["all"]["value"] == ["pip-0", "pip-1"]
    assert outputs["info"]["value"] == f"{NETWORK}/routeTables/old"


def nested(inner: dict[str, Any], *, scope: str = "inner", **keys: Any) -> dict[str, Any]:
    properties = {
        "mode": "Incremental",
        "expressionEvaluationOptions": {"scope": scope},
        "template": inner,
        **keys.pop("properties", {}),
    }
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2024-11-01",
        "name": "inner",
        "properties": properties,
        **keys,
    }


def test_an_inner_deployment_sees_its_own_values(run: Run, scope: Scope) -> None:
    inner = template(
        parameters={"name": {"type": "string"}, "address": {"type": "string"}},
        resources=[resource("routeTables", "[parameters('name')]", properties={"a": "[parameters('address')]"})],
        outputs={"where": {"type": "string", "value": "[resourceGroup().name]"}},
    )
    given = {"name": {"value": "[concat('r', 't')]"}, "address": {"value": "[reference('pip').ipAddress]"}}
    evaluation = run(
        resources=[
            nested(inner, resourceGroup="rg-2", properties={"parameters": given}),
            resource("publicIPAddresses", "pip"),
        ]
    )
    deployment = evaluation.resources[1]
    assert deployment.depends_on == (f"{NETWORK}/publicIPAddresses/pip",)
    assert deployment.target == f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-2"
    assert deployment.id == f"{deployment.target}/providers/Microsoft.Resources/deployments/inner"
    there = Scope(SUBSCRIPTION, ResourceGroup("rg-2", "northeurope"), "inner", "adfs")
    inside = deployment.nested(lambda *_: {"ipAddress": "203.0.113.9"}, there)
    assert inside is not None
    assert inside.resources[0].id == f"{deployment.target}/providers/Microsoft.Network/routeTables/rt"
    assert inside.resources[0].body == {"properties": {"a": "203.0.113.9"}}
    assert inside.outputs(never) == {"where": {"type": "String", "value": "rg-2"}}


def test_an_outer_deployment_sees_its_parents_values(run: Run, scope: Scope) -> None:
    inner = template(
        resources=[
            resource("routeTables", "[variables('name')]", properties={"a": "[reference('pip').ipAddress]"}),
            resource("virtualNetworks", "vnet", dependsOn=["[variables('name')]"]),
        ]
    )
    evaluation = run(
        variables={"name": "outer-rt"}, resources=[nested(inner, scope="outer"), resource("publicIPAddresses", "pip")]
    )
    deployment = evaluation.resources[1]
    assert deployment.depends_on == (f"{NETWORK}/publicIPAddresses/pip",)
    inside = deployment.nested(never, scope)
    assert inside is not None
    assert names(inside) == ["outer-rt", "vnet"]
    assert inside.resources[0].resolve(lambda *_: {"ipAddress": "203.0.113.9"}) == {"properties": {"a": "203.0.113.9"}}


@pytest.mark.parametrize("eyes", ["inner", "outer"])
def test_mistakes_of_a_nested_template_show_beforehand(run: Run, eyes: str) -> None:
    inner = template(resources=[resource("routeTables", "rt", properties={"a": "[nonsense()]"})])
    with pytest.raises(TemplateError, match="in the nested deployment 'inner': there is no function 'nonsense'"):
        run(resources=[nested(inner, scope=eyes)])


def test_a_deployment_at_subscription_level_makes_groups() -> None:
    scope = Scope(SUBSCRIPTION, None, "top", "adfs", location="westeurope")
    group = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2024-11-01",
        "name": "rg-1",
        "location": "[deployment().location]",
    }
    inside = nested(
        template(),
        resourceGroup="rg-1",
        dependsOn=["[subscriptionResourceId('Microsoft.Resources/resourceGroups', 'rg-1')]"],
    )
    evaluation = evaluate(template(resources=[inside, group]), None, scope)
    assert [each.id for each in evaluation.resources] == [
        GROUP,
        f"{GROUP}/providers/Microsoft.Resources/deployments/inner",
    ]
    assert evaluation.resources[0].body == {"location": "westeurope"}
    with pytest.raises(TemplateError, match="has no resource group"):
        evaluate(template(variables={"a": "[resourceGroup().id]"}), None, scope)


def test_extension_resources_hang_below_their_scope(run: Run) -> None:
    lock = {
        "type": "Microsoft.Authorization/locks",
        "apiVersion": "2020-05-01",
        "name": "keep",
        "scope": "[resourceId('Microsoft.Network/virtualNetworks', 'vnet')]",
    }
    evaluation = run(resources=[lock])
    assert evaluation.resources[0].id == f"{NETWORK}/virtualNetworks/vnet/providers/Microsoft.Authorization/locks/keep"


def test_functions_of_the_template(value: Callable[..., Any]) -> None:
    member = {
        "parameters": [{"name": "who", "type": "string"}],
        "output": {"type": "object", "value": {"text": "[concat('hi ', parameters('who'))]"}},
    }
    functions = [{"namespace": "my", "members": {"greet": member}}]
    assert value("[my.Greet('you').text]", functions=functions) == "hi you"
    with pytest.raises(TemplateError, match="takes 1 arguments, not 0"):
        value("[my.greet()]", functions=functions)


def test_outputs_have_types_and_hide_secrets(run: Run) -> None:
    outputs = {"a": {"type": "int", "value": "[add(1, 2)]"}, "s": {"type": "secureString", "value": "x"}}
    assert run(outputs=outputs).outputs(never) == {"a": {"type": "Int", "value": 3}, "s": {"type": "SecureString"}}
    with pytest.raises(TemplateError, match="output 'a' is declared as String but its value is an int"):
        run(outputs={"a": {"type": "string", "value": 3}}).outputs(never)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([], "a template is an object"),
        ({"resources": []}, r"no '\$schema'"),
        (template(resorces=[]), "no section 'resorces'; did you mean 'resources'"),
        (template(resources="x"), "an array or an object, not a string"),
        (template(resources=[1]), "a resource is an object"),
        (template(resources=[{"type": "A.B/c", "name": "x"}]), "no 'apiVersion'"),
        (template(resources=[{"type": "A", "name": "x", "apiVersion": "1"}]), "not of the form"),
        (template(outputs=[]), "'outputs' is an object"),
        (template(variables={"copy": [{"count": 1}]}), "a copy loop is an object with 'name'"),
        (template(variables={"copy": [{"name": "a", "count": 1}]}), "no 'input'"),
        (template(variables={"copy": [{"name": "a", "count": 801, "input": 1}]}), "from 0 to 800, not 801"),
    ],
)
def test_broken_templates_are_refused(scope: Scope, broken: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message) as caught:
        evaluate(broken, None, scope)
    assert caught.value.body()["error"]["code"] == "InvalidTemplate"
