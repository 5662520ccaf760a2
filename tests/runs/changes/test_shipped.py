"""What the rules that are shipped pick for paths of Kubernetes v1.37.2, and of components: real ones, each with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.runs.changes.picks import Pick, pick
from harness.runs.plan import known_suites

SUITES = Path(__file__).parents[3] / "suites"
TESTED = ("conformance", "loadbalancer", "pod_networking", "volumes")

CORE = "conformance"
EVERYTHING = "conformance* loadbalancer* pod_networking* volumes*"
NETWORK = "conformance:sig-network loadbalancer* pod_networking*"
"""Suite: what it runs beside its core; ``*`` for all of it, ``:`` and labels or ``file`` for some specs."""

PICKED = (
    # what no program has in it
    ("CHANGELOG/CHANGELOG-1.37.md", CORE, "text"),
    ("pkg/scheduler/OWNERS", CORE, "text"),
    ("test/e2e/framework/README.md", CORE, "text, although all specs stand on what is beside it"),
    ("pkg/proxy/nftables/proxier_test.go", CORE, "a unit test is not part of kube-proxy"),
    ("test/e2e/framework/pod/wait_test.go", CORE, "nor one of the framework part of e2e.test"),
    ("test/utils/ktesting/main_test.go", CORE, "nor of what e2e.test uses"),
    ("staging/src/k8s.io/api/testdata/HEAD/core.v1.Pod.json", CORE, "read by unit tests"),
    ("test/integration/auth/node_test.go", CORE, "integration tests start their own API server"),
    ("test/integration/dra/main_test.go", CORE, "also those beside what specs share with them"),
    ("test/e2e_node/eviction_test.go", CORE, "another test program"),
    ("hack/verify-gofmt.sh", CORE, "a tool"),
    ("cluster/gce/util.sh", CORE, "another way to a cluster"),
    ("api/openapi-spec/swagger.json", CORE, "made from the sources"),
    # what e2e.test is made of
    ("test/e2e/e2e_test.go", EVERYTHING, "its main function, although it is called _test"),
    ("test/e2e/e2e.go", EVERYTHING, "sets every spec up"),
    ("test/e2e/suites.go", EVERYTHING, "what is done before and after all specs"),
    ("test/e2e/providers.go", EVERYTHING, "the cloud providers that it knows"),
    ("test/e2e/framework/pod/wait.go", EVERYTHING, "the framework"),
    ("test/e2e/framework/service/jig.go", EVERYTHING, "the framework, although of load balancers above all"),
    ("test/e2e/feature/feature.go", EVERYTHING, "labels of specs everywhere"),
    ("test/e2e/environment/environment.go", EVERYTHING, "labels of specs everywhere"),
    ("test/e2e/invariants/metrics.go", EVERYTHING, "checked after all specs"),
    ("test/e2e/common/util.go", EVERYTHING, "names of images for specs everywhere"),
    ("test/e2e/common/apimachinery/resourceversion_matchers.go", EVERYTHING, "used in apps, auth and network"),
    ("test/e2e/testing-manifests/pod", EVERYTHING, "embedded; nobody says by which specs it is read"),
    ("test/utils/image/manifest.go", EVERYTHING, "images of all specs"),
    ("test/utils/create_resources.go", EVERYTHING, "used by specs everywhere"),
    ("test/fixtures/embed.go", EVERYTHING, "embedded"),
    ("test/conformance/testdata/conformance.yaml", EVERYTHING, "embedded, and says which specs have to run"),
    ("test/integration/framework/util.go", EVERYTHING, "linked into e2e.test"),
    ("test/images/agnhost/agnhost.go", EVERYTHING, "what most specs run in pods"),
    ("staging/src/k8s.io/client-go/testing/fake.go", EVERYTHING, "linked into e2e.test"),
    # specs, and what helps those beside it or elsewhere
    ("test/e2e/apps/job.go", "conformance:file", "specs"),
    ("test/e2e/apps/wait.go", "conformance:file", "helps the specs beside it"),
    ("test/e2e/common/node/pods.go", "conformance:file", "specs"),
    ("test/e2e/network/service.go", "conformance:file pod_networking*", "specs of both suites"),
    ("test/e2e/network/loadbalancer.go", "conformance:file loadbalancer* pod_networking*", "specs of load balancers"),
    ("test/e2e/storage/utils/pod.go", "conformance:file volumes*", "used in storage, node and network"),
    # programs under test
    ("pkg/proxy/nftables/proxier.go", NETWORK, "forwards Services"),
    ("pkg/proxy/healthcheck/service_health.go", NETWORK, "answers probes of load balancers"),
    ("staging/src/k8s.io/endpointslice/reconciler.go", NETWORK, "Services find their pods by EndpointSlices"),
    ("pkg/registry/core/service/portallocator/allocator.go", NETWORK, "node ports, on which load balancers send"),
    ("pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go", "conformance:sig-scheduling", "places pods"),
    (
        "pkg/scheduler/framework/plugins/volumebinding/binder.go",
        "conformance:sig-scheduling volumes*",
        "binds claims that wait for their pod",
    ),
    ("pkg/kubelet/kubelet.go", "conformance:sig-node", "runs pods"),
    ("pkg/kubelet/kubelet_volumes.go", "conformance:sig-node volumes*", "cleans volumes up"),
    ("pkg/kubelet/pluginmanager/plugin_manager.go", "conformance:sig-node volumes*", "registers CSI drivers"),
    ("pkg/kubelet/kubelet_network_linux.go", "conformance:sig-node pod_networking*", "iptables of a node"),
    ("pkg/kubelet/container/testing/os.go", "conformance:sig-node", "linked into programs, although called testing"),
    ("pkg/volume/emptydir/empty_dir.go", "conformance:sig-storage volumes*", "volumes"),
    ("pkg/controller/nodeipam/ipam/range_allocator.go", "conformance pod_networking*", "addresses of pods"),
    # what anything stands on
    ("pkg/apis/core/validation/validation.go", EVERYTHING, "every request goes through it"),
    ("staging/src/k8s.io/apimachinery/pkg/util/wait/wait.go", EVERYTHING, "every program uses it"),
    ("cmd/kubeadm/app/cmd/init.go", EVERYTHING, "brings the cluster up"),
    ("cmd/kube-apiserver/app/server.go", EVERYTHING, "the API"),
    ("build/pause/linux/pause.c", EVERYTHING, "in every pod"),
    ("vendor/modules.txt", EVERYTHING, "what everything is made of"),
    ("go.mod", EVERYTHING, "what everything is made of"),
    # components
    ("cloud-provider-azure:pkg/provider/azure_loadbalancer.go", "conformance loadbalancer* pod_networking*", "its own"),
    ("cloud-provider-azure:pkg/provider/azure_loadbalancer_test.go", CORE, "a unit test"),
    ("cloud-provider-azure:docs/azure-permissions.md", CORE, "text"),
    ("coredns:plugin/kubernetes/kubernetes.go", "conformance pod_networking*", "answers pods"),
    ("containerd:internal/cri/server/container_start.go", EVERYTHING, "runs everything"),
    ("etcd:server/etcdserver/server.go", EVERYTHING, "keeps everything"),
)


def said(found: Pick) -> str:
    """``conformance:sig-network``."""
    if found.whole:
        return f"{found.suite}*"
    (specs,) = found.specs or ("file" if found.files else "",)
    label = specs.removeprefix("Conformance && ").partition(" ")[0]
    return f"{found.suite}:{label}" if label else found.suite


@pytest.mark.parametrize(("path", "expected", "why"), PICKED, ids=[path for path, _, _ in PICKED])
def test_what_a_change_of_this_file_picks(path: str, expected: str, why: str) -> None:
    assert " ".join(said(found) for found in pick([path], TESTED, SUITES)) == expected, why


def test_these_are_all_suites() -> None:
    assert known_suites(SUITES) == TESTED
