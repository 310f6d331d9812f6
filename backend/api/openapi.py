"""The OpenAPI description, made true: our answers and our errors in place of FastAPI's own.

Served at `/openapi.json`, and for people at `/docs` by Swagger UI, from this origin alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from backend import __version__
from backend.api import deps
from backend.api.addresses import HEADER
from backend.api.answers import ANSWERS, ErrorAnswer

REF = "#/components/schemas/{model}"
_STATIC = Path(fastapi_offline.__file__).parent / "static"
_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Gavekort API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true})'
_TEXTS = {
    400: "The request is not acceptable: body, amounts, state",
    401: "No token, or not a valid one",
    403: "Not allowed with this token",
    404: "There is no such thing in this account",
    409: "It conflicts with what is there or under way",
    412: "It was changed in the meantime, or cannot be locked",
    413: "The body is too large",
    429: "Too many requests (docs/limits.md)",
    500: "Something went wrong on our side",
    503: "A provider did not answer; ask again",
}
_EMPTY: dict[str, Any] = {"type": "string", "pattern": r"^\s*$"}
_ABOUT = (
    "Dintero's checkout and wallets API, as Gavekort speaks it. The paths below"
    " /v1/accounts/{account_id}/payments are the same routes as those of sessions, transactions,"
    " views and administration below /v1."
)
_OPERATE = ("/capture", "/refund", "/void", "/cancel", "/authorization")


def install(app: FastAPI, prefix: str, routers: Sequence[APIRouter]) -> None:
    """Describe every route of `routers`, which `app` includes under `prefix`."""
    routes = [
        (f"{prefix}{route.path_format}", route)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    app.openapi = lambda: _description(app, routes)  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return app.openapi()

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    def start() -> Response:
        return Response(_START, media_type="text/javascript")

    for name in _FILES:
        app.add_api_route(
            f"/docs/{name}", _file(_STATIC / name), methods=["GET"], include_in_schema=False
        )


def _file(path: Path) -> Any:
    def serve() -> FileResponse:
        return FileResponse(path)

    return serve


def _description(app: FastAPI, routes: list[tuple[str, APIRoute]]) -> dict[str, Any]:
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(
        title="Gavekort",
        version=__version__,
        description=_ABOUT,
        routes=app.routes,
    )
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for unwanted in ("HTTPValidationError", "ValidationError"):
        components.pop(unwanted, None)
    error = _component(components, ErrorAnswer)
    for path, route in routes:
        for method in route.methods or ():
            operation = schema["paths"].get(path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, method.lower(), path, route.dependant, components, error)
    _link(schema)
    schema["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "client": {"type": "http", "scheme": "basic"},
    }
    app.openapi_schema = schema
    return schema


def _component(components: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return a reference to the model's schema, which is put among the components with what it
    needs."""
    made: dict[str, Any] = TypeAdapter(model).json_schema(ref_template=REF, mode="serialization")
    components.update(made.pop("$defs", {}))
    name = made.get("title")
    if name and made.get("type") == "object":
        components[name] = made
        return {"$ref": REF.format(model=name)}
    return made


def _complete(
    operation: dict[str, Any],
    method: str,
    path: str,
    dependant: Dependant,
    components: dict[str, Any],
    error: dict[str, Any],
) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            _may_be_empty(parameter)
    answer = ANSWERS.get((method, path))
    if answer is not None:
        content = {"application/json": {"schema": _component(components, answer)}}
        answers["200"] = {"description": "Done", "content": content}
        if path.startswith("/v1/transactions/") and path.endswith(_OPERATE):
            answers["202"] = {
                "description": "The provider's answer is awaited",
                "content": content,
                "headers": {"event-request-id": {"schema": {"type": "string"}}},
            }
        if path.endswith("/publish/scc"):
            answers["202"] = {"description": "Sent again", "content": content}
        if path.endswith("/pay"):
            answers["202"] = {"description": "Poll for the outcome", "content": content}
        if path.endswith("/discount_codes"):
            answers["204"] = {"description": "No discount"}
    if path.endswith(("/abandon", "/redirect/{redirect_ref}")):
        answers.pop("200", None)
        answers["302"] = {"description": "Where the payer goes now"}
    for status in sorted(_statuses(method, path, dependant)):
        content = {"application/json": {"schema": error}}
        answers[str(status)] = {"description": _TEXTS[status], "content": content}
    answers["429"]["headers"] = {
        "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}
    }
    for described in answers.values():
        described.setdefault("headers", {})[HEADER] = {
            "schema": {"type": "string", "format": "uuid"},
            "description": "The request, as events and log lines name it",
        }
    if _depends_on(dependant, deps.principal):
        operation["security"] = [{"bearer": []}]
    elif path.endswith("/auth/token"):
        operation["security"] = [{"client": []}]


def _may_be_empty(parameter: dict[str, Any]) -> None:
    """Say that a parameter without a value is ignored (`addresses.plain_query`).

    In a query, a list of one value is the same text as the value alone, so both are described. The
    maximum of a list counts the values that are not empty, which a schema cannot say.
    """
    schema = parameter["schema"]
    if schema.get("type") != "array":
        parameter["schema"] = {"anyOf": [schema, _EMPTY]}
        return
    one = schema["items"]
    schema["items"] = {"anyOf": [one, _EMPTY]}
    parameter["schema"] = {"anyOf": [schema, one, _EMPTY]}
    if (maximum := schema.pop("maxItems", None)) is not None:
        text = parameter.get("description", "")
        limit = f"At most {maximum} values that are not empty."
        parameter["description"] = f"{text} {limit}".strip()


def _statuses(method: str, path: str, dependant: Dependant) -> set[int]:
    wanted = {400, 429, 500}
    if _depends_on(dependant, deps.principal):
        wanted |= {401, 403}
    if path.endswith("/auth/token"):
        wanted |= {401, 403}
    if path.endswith("/notifications"):
        wanted |= {401}
    if "{" in path or path.endswith("/signature"):
        wanted.add(404)
    if method in ("post", "put", "delete"):
        wanted |= {409, 413}
    if path.startswith("/v1/view/") or path.endswith("/pay"):
        wanted.add(412)
    if path.endswith(_OPERATE):
        wanted.add(503)
    return wanted


def _depends_on(dependant: Dependant, call: Any) -> bool:
    return any(inner.call is call or _depends_on(inner, call) for inner in dependant.dependencies)


_SESSION = {"session_id": "$response.body#/id"}
_LINKS = {
    ("post", "/v1/sessions-profile"): (
        ("get", "/v1/sessions/{session_id}", _SESSION),
        ("put", "/v1/sessions/{session_id}", _SESSION),
        ("post", "/v1/sessions/{session_id}/cancel", _SESSION),
        ("get", "/v1/view/{session_id}/session", _SESSION),
        ("put", "/v1/view/{session_id}/session/order/addresses", _SESSION),
        ("post", "/v1/view/{session_id}/session/lock", _SESSION),
        ("post", "/v1/sessions/{session_id}/pay", _SESSION),
    ),
    ("post", "/v1/accounts/{account_id}/wallets/cards"): (
        (
            "get",
            "/v1/accounts/{account_id}/wallets/cards/{card_id}",
            {"account_id": "$request.path.account_id", "card_id": "$response.body#/card_id"},
        ),
    ),
    ("post", "/v1/accounts/{account_id}/wallets/transactions"): (
        (
            "post",
            "/v1/accounts/{account_id}/wallets/transactions/{transaction_id}/void",
            {"account_id": "$request.path.account_id", "transaction_id": "$response.body#/id"},
        ),
    ),
}


def _link(schema: dict[str, Any]) -> None:
    """Describe what an answer's ids can be used for."""
    for (method, path), targets in _LINKS.items():
        source = schema["paths"].get(path, {}).get(method)
        if source is None:
            continue
        links = source["responses"]["200"].setdefault("links", {})
        for target_method, target_path, parameters in targets:
            target = schema["paths"].get(target_path, {}).get(target_method)
            if target is not None:
                name = target["operationId"]
                links[name] = {"operationId": name, "parameters": parameters}
