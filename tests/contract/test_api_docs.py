"""The OpenAPI document and the page made of it (CONTRACT 3)."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from tests.support.api import STATUS, problem
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def read(service: Service) -> dict[str, Any]:
    """Read the document."""
    document: dict[str, Any] = (await service.client.get("/openapi.json")).json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation with its name."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield each example with the schema that it is an example of."""
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            yield {"$ref": f"#/components/schemas/{name}"}, example
        for described in schema.get("properties", {}).values():
            for example in described.get("examples", ()):
                yield described, example
    for _, operation in operations(document):
        for answer in operation["responses"].values():
            for media in answer.get("content", {}).values():
                for example in media.get("examples", {}).values():
                    yield media["schema"], example["value"]


async def test_document_is_valid_openapi(service: Service) -> None:
    """It is OpenAPI 3.1 by the schema of its specification, and every reference leads somewhere."""
    document = await read(service)
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()
    for name in re.findall(r"#/components/schemas/(\w+)", str(document)):
        assert name in document["components"]["schemas"]


async def test_examples_fit_their_schemas(service: Service) -> None:
    """What the document shows can be sent and received as it stands."""
    document = await read(service)
    found = list(examples(document))
    assert found
    for schema, example in found:
        jsonschema_rs.validate(schema | {"components": document["components"]}, example)


async def test_example_of_a_submit_is_accepted(service: Service) -> None:
    """The first thing that a reader copies works."""
    document = await read(service)
    (example,) = document["components"]["schemas"]["SubmitRequest"]["examples"]
    assert (await service.client.post("/v1/messages", json=example)).status_code == 202


async def test_every_operation_is_explained(service: Service) -> None:
    """Each has a sentence, each answer a shape or a list of problems, each field an explanation or a plain name."""
    for name, operation in operations(await read(service)):
        assert operation["description"], name
        assert operation["operationId"], name
        for status, answer in operation["responses"].items():
            for media_type, media in answer.get("content", {}).items():
                assert media.get("schema") or media_type == "text/plain", (name, status)
        assert ("security" in operation) == ("401" in operation["responses"] and "403" in operation["responses"])


async def test_submit_documents_each_of_its_refusals(service: Service) -> None:
    """A caller who reads the document knows every problem it may have to handle."""
    responses = (await read(service))["paths"]["/v1/messages"]["post"]["responses"]
    documented = {
        problem
        for answer in responses.values()
        for problem in answer["content"].get("application/problem+json", {}).get("examples", ())
    }
    assert documented == set(STATUS) - {"not_found", "method_not_allowed", "cursor_expired", "address_in_use"}


async def test_page_reads_without_scripts_or_foreign_hosts(service: Service) -> None:
    """The page is plain HTML with a style sheet of its own, and its policy allows nothing else."""
    answer = await service.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    page = answer.text
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    for asset in re.findall(r'<link rel="stylesheet" href="([^"]+)"', page):
        sheet = await service.client.get(asset)
        assert sheet.headers["content-type"].startswith("text/css")
        assert sheet.text.strip()
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page


async def test_page_shows_every_operation_and_problem(service: Service) -> None:
    """Nothing of the document is missing on the page, its example included."""
    page = (await service.client.get("/docs")).text
    document = await read(service)
    for _, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in page
        assert operation["description"].split("\n")[0].replace("'", "&#39;") in page
    for name, status in STATUS.items():
        assert re.search(rf'id="{name}".*/problems/{name}.*{status}', page)
    assert "042917" in page


@pytest.mark.parametrize("name", STATUS)
async def test_type_of_a_problem_leads_to_its_explanation(service: Service, name: str) -> None:
    """The `type` of every problem can be followed, as RFC 9457 3.1.1 encourages."""
    answer = await service.client.get(f"/problems/{name}")
    assert (answer.is_redirect, answer.headers["location"]) == (True, f"/docs#{name}")


async def test_unknown_type_is_not_found(service: Service) -> None:
    """A type that does not exist leads nowhere."""
    problem(await service.client.get("/problems/nosuch"), "not_found")
