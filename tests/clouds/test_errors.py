from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from harness.clouds.errors import details_of_body, from_details, translate, translated
from harness.errors import CloudError, QuotaError, ThrottledError


def test_innermost_error_of_a_deployment_decides() -> None:
    body = {
        "code": "DeploymentFailed",
        "message": "At least one resource deployment operation failed.",
        "details": [{"code": "QuotaExceeded", "message": "cores: 10 of 10\nsecond line"}],
    }
    error = from_details("deploy c to g", details_of_body(body))
    assert isinstance(error, QuotaError)
    assert error.last_seen == "QuotaExceeded: cores: 10 of 10"


def test_throttling_by_status_or_code() -> None:
    assert isinstance(from_details("x", [("", "slow down")], 429), ThrottledError)
    assert isinstance(from_details("x", [("TooManyRequests", "")]), ThrottledError)


def test_nothing_answers() -> None:
    error = translate(ServiceRequestError("connection refused"), "create resource group g")
    assert isinstance(error, CloudError)
    assert "connection refused" in str(error)


def test_cause_is_kept() -> None:
    cause = HttpResponseError("boom")
    with pytest.raises(CloudError) as caught, translated("delete g"):
        raise cause
    assert caught.value.__cause__ is cause
    assert caught.value.attempted == "delete g"
