"""What the deployments provider knows of ARM templates: a template goes in, resources in an order that respects dependencies come out.

Evaluation has two moments, as on Azure. :func:`harness.localazure.templates.engine.evaluate` does everything that needs no
running resource (parameters, variables, loops, conditions, names, ids) and fails on whatever is wrong with it, before anything
is created. What only exists later (``reference()``, ``listKeys()``) stays pending in a resource until ``resolve`` is called,
just before that resource is created, and in the outputs until ``Evaluation.outputs`` is called at the end::

    evaluation = evaluate(template, parameters, scope)
    for resource in evaluation.resources:          # or in parallel, as soon as resource.depends_on are done
        if (nested := resource.nested(lookup, scope_of_its_group)) is not None:
            ...                                    # a Microsoft.Resources/deployments resource: walk it the same way
        else:
            put(resource.id, resource.api_version, resource.resolve(lookup))
    outputs = evaluation.outputs(lookup)           # {"name": {"type": "String", "value": ...}}

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.errors import CloudError


class TemplateError(CloudError):
    """A template, or the parameters given to it, is wrong.

    :param message: what is wrong, with the expression and the position in it.
    :param code: ARM's error code: ``InvalidTemplate``, or ``InvalidTemplateDeployment`` for what shows only while deploying.
    :param path: where in the template, as ARM writes it: ``$.resources[0].properties.count``.
    """

    def __init__(self, message: str, *, code: str = "InvalidTemplate", path: str = "") -> None:
        self.message = f"{message} (at {path})" if path else message
        self.path = path
        super().__init__("evaluate the template", code=code, last_seen=self.message)

    def __str__(self) -> str:
        return self.message

    def body(self) -> dict[str, Any]:
        """ARM's error body; it goes out with status 400."""
        return {"error": {"code": self.code, "message": f"Deployment template validation failed: '{self.message}'."}}


@dataclass(frozen=True)
class ResourceGroup:
    """What ``resourceGroup()`` answers from."""

    name: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """Where a template is deployed."""

    subscription: str
    group: ResourceGroup | None
    """``None`` for a deployment at subscription level."""
    deployment: str
    """Name of the deployment, for ``deployment().name``."""
    tenant: str
    location: str = ""
    """Location of a subscription-level deployment."""
    endpoint: str = ""
    """``environment().resourceManager``: base URL of this ARM endpoint."""
    subscription_name: str = "Local Azure"

    @property
    def id(self) -> str:
        """The ARM id that the template's resources hang below."""
        below = f"/resourceGroups/{self.group.name}" if self.group else ""
        return f"/subscriptions/{self.subscription}{below}"


class Lookup(Protocol):
    """Reads a resource that exists, for ``reference()``; raises the provider's own error (404) when it does not.

    Returns the resource's ``properties``, or the whole resource when ``full``. ``api_version`` is empty when the template
    left it out. ``action`` is empty for ``reference()`` and the operation's name for the ``list*`` functions (``listKeys``).
    """

    def __call__(self, resource_id: str, api_version: str, full: bool, action: str = "") -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class EvaluatedResource:
    """One resource to PUT, every loop and condition already applied."""

    id: str
    type: str
    """``Microsoft.Network/virtualNetworks/subnets``, spelled as in the template."""
    name: str
    """``vnet/subnet`` for a nested type."""
    api_version: str
    body: Mapping[str, Any]
    """What will be PUT, without the template's own keys; what is still pending stands there as its expression's text."""
    depends_on: tuple[str, ...]
    """Ids of resources of this evaluation that come first: ``dependsOn`` and ``reference()``."""
    resolver: Callable[[Lookup], dict[str, Any]] = field(repr=False)
    nester: Callable[[Lookup, Scope], Evaluation] | None = field(default=None, repr=False)
    """For an inline nested deployment: evaluates its template for the scope it deploys to."""
    target: str = ""
    """For a nested deployment: the scope id it deploys to (``/subscriptions/S[/resourceGroups/G]``)."""

    def resolve(self, lookup: Lookup) -> dict[str, Any]:
        """The body with everything evaluated; call it when all of ``depends_on`` exist. Raises :class:`TemplateError`."""
        return self.resolver(lookup)

    def nested(self, lookup: Lookup, scope: Scope) -> Evaluation | None:
        """The evaluation of a nested deployment, ``None`` for any other resource. ``scope.id`` should be ``target``."""
        return self.nester(lookup, scope) if self.nester else None


@dataclass(frozen=True)
class Evaluation:
    """A template, evaluated as far as it goes before anything exists."""

    resources: tuple[EvaluatedResource, ...]
    """In an order in which every resource follows what it depends on; template order otherwise."""
    parameters: Mapping[str, Mapping[str, Any]]
    """``{"name": {"type": "String", "value": ...}}`` as a deployment's GET shows them; secure ones without ``value``."""
    evaluate_outputs: Callable[[Lookup], dict[str, dict[str, Any]]] = field(repr=False)

    def outputs(self, lookup: Lookup) -> dict[str, dict[str, Any]]:
        """The outputs, ``{"name": {"type": "String", "value": ...}}``, once every resource exists; secure ones without ``value``."""
        return self.evaluate_outputs(lookup)
