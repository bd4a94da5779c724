"""``/docs`` and ``/openapi.json``: the surface to read, as a page and as a document."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jinja2
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from mailsvc.api.problems import TYPES, Problem

router = APIRouter(include_in_schema=False)

_ASSETS = jinja2.Environment(
    loader=jinja2.PackageLoader("mailsvc.api", "assets"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@router.get("/openapi.json")
async def openapi_json(request: Request) -> JSONResponse:
    """Return the OpenAPI 3.1 document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs_page(request: Request) -> HTMLResponse:
    """Return the document as a page."""
    document = request.app.openapi()
    page = _ASSETS.get_template("docs.html.j2").render(
        info=document["info"],
        operations=list(_operations(document)),
        problems=TYPES,
        shapes=[_schema(document, schema) for schema in document["components"]["schemas"].values()],
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})


@router.get("/problems/{name}")
async def problem(name: str) -> RedirectResponse:
    """Lead from the `type` of a problem to where the page explains it."""
    if name not in TYPES:
        raise Problem("not_found", "there is no such problem type")
    return RedirectResponse(f"/docs#{name}")


@router.get("/docs/style.css")
async def style() -> Response:
    """Return the page's style sheet."""
    return Response(_stylesheet(), media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})


@cache
def _stylesheet() -> str:
    return _ASSETS.get_template("docs.css").render()


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each operation with what a reader asks for, references resolved."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {})
            answers = [_answer(document, status, answer) for status, answer in operation["responses"].items()]
            yield {
                "anchor": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "description": operation.get("description", ""),
                "scopes": [
                    scope for keys in operation.get("security", []) for scopes in keys.values() for scope in scopes
                ],
                "parameters": [_parameter(parameter) for parameter in operation.get("parameters", [])],
                "body": next((_schema(document, media["schema"]) for media in body.values()), None),
                "answers": answers,
            }


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "type": _type(parameter["schema"]),
        "required": parameter["required"],
        "description": parameter.get("description", ""),
    }


def _answer(document: Mapping[str, Any], status: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    media: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
    problems = list(media.get("examples", ()))
    schema = _schema(document, media["schema"]) if media.get("schema") and not problems else None
    return {"status": status, "description": answer["description"], "problems": problems, "schema": schema}


def _schema(document: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return name and fields of a referenced object schema."""
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved = document["components"]["schemas"].get(name, schema)
    required = resolved.get("required", ())
    fields = [
        {
            "name": field,
            "type": _type(described),
            "required": field in required,
            "description": described.get("description", ""),
        }
        for field, described in resolved.get("properties", {}).items()
    ]
    return {
        "name": resolved.get("title", name),
        "description": resolved.get("description", ""),
        "fields": fields,
        "examples": resolved.get("examples", []),
    }


def _type(described: Mapping[str, Any]) -> str:
    if "anyOf" in described:
        return " | ".join(_type(choice) for choice in described["anyOf"])
    if "$ref" in described:
        return str(described["$ref"]).rpartition("/")[2]
    if "enum" in described:
        return " | ".join(described["enum"])
    if described.get("type") == "array":
        return f"[{_type(described['items'])}]"
    return str(described.get("type", "any"))
