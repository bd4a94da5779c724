"""Generated requests, good and bad, for every operation of the OpenAPI document, against the running service."""

import asyncio
from collections.abc import Iterator

import httpx2
import hypothesis
import pytest
import schemathesis
from schemathesis.checks import positive_data_acceptance

from mailsvc.api.app import create_app
from mailsvc.api.services import Services
from tests.support.environment import FULL_RUN
from tests.support.service import API_KEY, Service

DOCUMENT = create_app(Services(**dict.fromkeys(Services.__dataclass_fields__))).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT)
schemathesis.serializer.alias("message/rfc822", "application/octet-stream")  # octets as they are


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a service that captures mail."""
    service = Service(folder=tmp_path_factory.mktemp("service"))
    with asyncio.Runner() as runner:
        runner.run(service.__aenter__())
        yield service.url
        runner.run(service.__aexit__(None, None, None))


def test_document_is_the_one_that_the_service_shows(url: str) -> None:
    """What is generated from here is what a caller reads there."""
    assert httpx2.get(f"{url}/openapi.json", trust_env=False).json() == DOCUMENT


@schema.parametrize()
@hypothesis.settings(
    max_examples=100 if FULL_RUN else 40, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_service_behaves_as_its_document_says(url: str, case: schemathesis.Case) -> None:
    """Statuses, types, shapes and headers are the documented ones, wrong requests are refused, nothing is a 500."""
    # What leaves no trace in a URL makes no wrong request.
    hypothesis.assume(all(value not in ([], {}) for value in case.query.values()))
    if "wait" in case.query:
        case.query["wait"] = _short(case.query["wait"])
    # A field of the right type may still hold a wrong value: that an address is one, the document cannot say.
    case.call_and_validate(
        base_url=url,
        headers={"Authorization": f"Bearer {API_KEY}"},
        excluded_checks=[positive_data_acceptance],
        timeout=30,
    )


def _short(wait: object) -> object:
    """Leave a wrong wait as it is, and make a right one short."""
    return 0.01 if isinstance(wait, int | float) and 0 <= wait <= 60 else wait
