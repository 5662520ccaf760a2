"""The changes that bench/gate.py makes: pull requests with one real bug each, and some without, put in by replacing a few words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    path: str
    find: str
    replacement: str
    times: int = 1


@dataclass(frozen=True)
class Change:
    """A pull request."""

    name: str
    what: str
    red: tuple[str, ...]
    """Suites in which at least one test has to fail."""
    edits: tuple[Edit, ...]
    component: str = ""
    """Whose checkout is changed; empty: that of Kubernetes."""


_COMMENT = "\n// A change that breaks nothing.\n"
_PROXY = "pkg/proxy/serviceport.go"
_SCHEDULER = "pkg/scheduler/framework/plugins/noderesources/fit.go"
_SLICES = "staging/src/k8s.io/endpointslice/utils.go"
_PLACES = {
    _PROXY: "func (bsvcPortInfo *BaseServicePortInfo) SessionAffinityType() v1.ServiceAffinity {",
    _SCHEDULER: "func (f *Fit) Filter(",
    _SLICES: "func FindPort(",
}
_BALANCER = "pkg/provider/azure_loadbalancer.go"
_RULES = "func (az *Cloud) getExpectedLBRules("
CHANGES = (
    Change(
        "harmless",
        "a comment in each of the three files",
        (),
        tuple(Edit(path, f"\n{line}", f"{_COMMENT}\n{line}") for path, line in _PLACES.items()),
    ),
    Change(
        "kube-proxy",
        "session affinity of Services is forgotten",
        ("conformance", "loadbalancer", "pod_networking"),
        (
            Edit(
                _PROXY,
                "sessionAffinityType: service.Spec.SessionAffinity,",
                "sessionAffinityType: v1.ServiceAffinityNone,",
            ),
        ),
    ),
    Change(
        "scheduler",
        "what a node's pods ask of its processors already is not counted",
        ("conformance",),
        (
            Edit(
                _SCHEDULER,
                "deltaMilliCPU > (nodeInfo.GetAllocatable().GetMilliCPU()-nodeInfo.GetRequested().GetMilliCPU())",
                "deltaMilliCPU > nodeInfo.GetAllocatable().GetMilliCPU()",
            ),
        ),
    ),
    Change(
        "endpoint-slices",
        "a named port is looked up by name or protocol, not by both",
        ("conformance", "pod_networking"),
        (
            Edit(
                _SLICES,
                "port.Name == name && port.Protocol == svcPort.Protocol",
                "port.Name == name || port.Protocol == svcPort.Protocol",
                times=2,
            ),
        ),
    ),
    Change(
        "harmless-provider",
        "a comment in the file of the cloud provider's bug",
        (),
        (Edit(_BALANCER, f"\n{_RULES}", f"{_COMMENT}\n{_RULES}"),),
        component="cloud-provider-azure",
    ),
    Change(
        "cloud-provider",
        "only the first port of a Service gets a load balancing rule",
        ("loadbalancer",),
        (
            Edit(
                _BALANCER,
                "range service.Spec.Ports {\n\t\t\tlbRuleName := az.getLoadBalancerRuleName(",
                "range service.Spec.Ports[:1] {\n\t\t\tlbRuleName := az.getLoadBalancerRuleName(",
            ),
        ),
        component="cloud-provider-azure",
    ),
)
