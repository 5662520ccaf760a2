"""What the codes of Azure's errors mean: the outcome class, what may help, and what a person should do.

The one list by which failures are told apart; a code that is not here is the cloud's (:data:`UNKNOWN`), never a guess from its prose.

Sources: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/allocation-failure,
https://learn.microsoft.com/azure/azure-resource-manager/templates/deployment-history-deletions,
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import Outcome, Remedy


@dataclass(frozen=True)
class Meaning:
    """What one code says."""

    outcome: Outcome
    remedy: Remedy
    hint: str


AMBIGUOUS = "OperationNotAllowed"
"""Compute's answer to exhausted cores, and to much else: only the location's usages tell (:func:`harness.clouds.room.settled`)."""

UNKNOWN = Meaning(Outcome.CLOUD, Remedy.NONE, "")
UNAVAILABLE = Meaning(Outcome.CLOUD, Remedy.AGAIN, "the service failed, not the request: run again later")
THROTTLED = Meaning(Outcome.THROTTLED, Remedy.LATER, "run again later, or with fewer cells at once")
QUOTA = Meaning(
    Outcome.QUOTA,
    Remedy.ELSEWHERE,
    "ask for more quota (az vm list-usage --location LOCATION), or give another --location or --failover-location",
)
_CAPACITY = Meaning(
    Outcome.QUOTA,
    Remedy.ELSEWHERE,
    "the location has no such machines now: give --failover-location or another --vm-size",
)
_HISTORY = Meaning(
    Outcome.QUOTA,
    Remedy.AGAIN,
    "the history of deployments is full, and Azure has begun to shorten it: run again (az deployment group list lists it)",
)
_MACHINE = Meaning(
    Outcome.CLOUD, Remedy.AGAIN, "the machine did not start as it should: its console is in the cell's logs"
)
_BUSY = Meaning(Outcome.CLOUD, Remedy.AGAIN, "something else was at work on it: run again")
_TAKEN = Meaning(Outcome.CLOUD, Remedy.AGAIN, "the name belongs to somebody else: another run takes another one")
_SIGN_IN = Meaning(Outcome.CLOUD, Remedy.NONE, "sign in (az login) or check the credential; then run again")
_EXPIRED = Meaning(
    Outcome.CLOUD,
    Remedy.NONE,
    "the secret has expired: az ad app credential reset --id APP_ID, and give the new one to CI",
)
_STALE = Meaning(
    Outcome.CLOUD,
    Remedy.NONE,
    "the federated token has expired: have CI write a new one to AZURE_FEDERATED_TOKEN_FILE during the run",
)
_FORBIDDEN = Meaning(
    Outcome.CLOUD,
    Remedy.NONE,
    "the credential lacks a role: Owner, or Contributor and Role Based Access Control Administrator, on the subscription",
)
_POLICY = Meaning(
    Outcome.CLOUD, Remedy.NONE, "a policy of the subscription forbids it: ask whoever assigned the policy"
)
_SUBSCRIPTION = Meaning(Outcome.CLOUD, Remedy.NONE, "the subscription cannot be used as it is: az account show")
_UNREGISTERED = Meaning(Outcome.CLOUD, Remedy.NONE, "register it: az provider register --wait --namespace NAMESPACE")
_LOCKED = Meaning(Outcome.CLOUD, Remedy.NONE, "a lock protects it: az lock list --resource-group GROUP")
_TEMPLATE = Meaning(Outcome.HARNESS, Remedy.NONE, "the request itself is wrong: a defect of the deployer's template")

_MEANINGS: Mapping[Meaning, tuple[str, ...]] = {
    QUOTA: (
        "QuotaExceeded",
        "ResourceQuotaExceeded",
        "ResourceCountExceedsLimitDueToTemplate",
        "PublicIPCountLimitReached",
        "StandardSkuPublicIPCountLimitReached",
        "PublicIpAddressCountLimitReached",
        "NetworkInterfaceCountLimitReached",
        "LoadBalancerCountLimitReached",
        "VirtualNetworkCountLimitReached",
        "NetworkSecurityGroupCountLimitReached",
        "RouteTableCountLimitReached",
    ),
    _CAPACITY: (
        "SkuNotAvailable",
        "NotAvailableForSubscription",
        "AllocationFailed",
        "ZonalAllocationFailed",
        "OverconstrainedAllocationRequest",
        "OverconstrainedZonalAllocationRequest",
        "LocationNotAvailableForResourceType",
        "LocationNotAvailableForResourceGroup",
    ),
    _HISTORY: ("DeploymentQuotaExceeded",),
    THROTTLED: (
        "TooManyRequests",
        "SubscriptionRequestsThrottled",
        "ResourceRequestsThrottled",
        "OperationThrottled",
        "RetryableError.Throttled",
    ),
    _MACHINE: (
        "OSProvisioningTimedOut",
        "OSProvisioningInternalError",
        "OSProvisioningClientError",
        "VMStartTimedOut",
        "VMStopTimedOut",
        "VMRedeploymentFailed",
        "ProvisioningFailed",
    ),
    UNAVAILABLE: (
        "InternalServerError",
        "InternalExecutionError",
        "InternalOperationError",
        "InternalError",
        "ServiceUnavailable",
        "ServerTimeout",
        "BadGateway",
        "GatewayTimeout",
        "ServerBusy",
        "NetworkingInternalOperationError",
        "OperationTimedOut",
        "RequestTimeout",
    ),
    _BUSY: (
        "AnotherOperationInProgress",
        "RetryableError",
        "RetryableErrorDueToAnotherOperation",
        "OperationPreempted",
        "ConcurrentUpdateError",
        "ReferencedResourceNotProvisioned",
        "PreconditionFailed",
        "PreconditionFailedEtagMismatch",
        "DeploymentActive",
        "ResourceGroupBeingDeleted",
        "PrincipalNotFound",
    ),
    _TAKEN: (
        "DnsRecordInUse",
        "StorageAccountAlreadyTaken",
        "StorageAccountAlreadyExists",
        "InvalidResourceGroupLocation",
    ),
    _SIGN_IN: (
        "AuthenticationFailed",
        "InvalidAuthenticationToken",
        "InvalidAuthenticationTokenTenant",
        "ExpiredAuthenticationToken",
        "AADSTS700016",  # application not found in the tenant
        "AADSTS7000215",  # wrong secret
        "AADSTS700027",  # the certificate's signature is wrong
        "AADSTS90002",  # tenant not found
    ),
    _EXPIRED: ("AADSTS7000222",),
    _STALE: ("AADSTS700024",),
    _FORBIDDEN: ("AuthorizationFailed", "LinkedAuthorizationFailed", "Forbidden", "DenyAssignmentAuthorizationFailed"),
    _POLICY: ("RequestDisallowedByPolicy", "RequestDisallowedByAzure"),
    _SUBSCRIPTION: (
        "SubscriptionNotFound",
        "ReadOnlyDisabledSubscription",
        "SubscriptionNotAuthorizedForImage",
        "MarketplacePurchaseEligibilityFailed",
        "InvalidSubscriptionId",
    ),
    _UNREGISTERED: ("MissingSubscriptionRegistration", "SubscriptionNotRegistered", "NoRegisteredProviderFound"),
    _LOCKED: ("ScopeLocked",),
    _TEMPLATE: (
        "InvalidTemplate",
        "InvalidRequestContent",
        "InvalidRequestFormat",
        "InvalidResourceReference",
        "InvalidApiVersionParameter",
        "InvalidContentLink",
        "DeploymentParameterMissing",
    ),
}
MEANINGS: Mapping[str, Meaning] = {code: meaning for meaning, codes in _MEANINGS.items() for code in codes}
"""By code."""

_RANKS = (Outcome.QUOTA, Outcome.THROTTLED, Outcome.CLOUD, Outcome.HARNESS)
"""Which class a failure has that carries codes of several: what stood in the way first, and what a remedy is known for."""


def decide(codes: Iterable[str], status: int = 0) -> tuple[str, Meaning]:
    """The code that decides among those of one failure, outermost first, and what it means.

    :param status: of the HTTP answer, which decides when no code is known; 0 for none.
    """
    found = list(codes)
    known = [(code, MEANINGS[code]) for code in found if code in MEANINGS]
    if known:
        # of the first class, what nothing helps against; of those the innermost: outer ones only say that something failed
        return min(reversed(known), key=lambda item: (_RANKS.index(item[1].outcome), item[1].remedy is not Remedy.NONE))
    innermost = next((code for code in reversed(found) if code), "")
    return innermost, _by_status(status)


def _by_status(status: int) -> Meaning:
    if status == 429:
        return THROTTLED
    if status in (401, 403):
        return _SIGN_IN if status == 401 else _FORBIDDEN
    return UNAVAILABLE if status >= 500 or status == 408 else UNKNOWN
