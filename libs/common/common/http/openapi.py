"""The OpenAPI document says what the framework may answer on each route: every status, as a problem."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from common.http.doors import methods_of, routes_of
from common.http.idempotency import HEADER, METHODS, REPLAYED
from common.http.problems import BY_STATUS, MEDIA_TYPE, ProblemBody
from common.security.permissions import Allow, door_of

_REF = {"$ref": "#/components/schemas/Problem"}
_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "1 to 255 visible ASCII characters of your choice (a UUID). The same request with the same key is "
    f"done once; the first answer is given again, with `{REPLAYED}: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def may_answer(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: problems it answers on purpose, `may_answer(404, 409)`."""
    return {status: {"model": ProblemBody, "description": BY_STATUS[status].title} for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components["Problem"] = _problem_schema(components)
        for route in routes_of(app):
            if route.include_in_schema:
                for method in methods_of(route):
                    _complete(schema["paths"][route.path_format][method.lower()], route, method)
        for unused in ("HTTPValidationError", "ValidationError", "ProblemBody"):
            components.pop(unused, None)
        app.openapi_schema = schema
    return app.openapi_schema


def _problem_schema(components: dict[str, Any]) -> dict[str, Any]:
    schema = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(schema.pop("$defs", {}))
    return schema


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    door = door_of(route.dependencies)
    responses: dict[str, Any] = operation.setdefault("responses", {})
    statuses = [503]
    if isinstance(door, Allow):
        statuses += [401, 403]
        operation["description"] = f"{operation.get('description', '')}\n\nPermission: `{door.permission}`.".strip()
        if method in METHODS:
            operation.setdefault("parameters", []).append(_KEY)
            statuses += [400, 409, 422]
    if "requestBody" in operation:
        statuses += [400, 413, 415, 422]
    if operation.get("parameters"):
        statuses += [422]
    if "{" in route.path_format:
        statuses += [404]
    for status in sorted(set(statuses)):
        described = responses.setdefault(str(status), {})
        described.setdefault("description", BY_STATUS[status].title)
    for status_text, described in responses.items():
        if status_text.isdigit() and int(status_text) >= 400 and not _of_route_itself(described):
            described["content"] = {MEDIA_TYPE: {"schema": _REF}}
            if status_text == "422":
                described["description"] = BY_STATUS[422].title
    responses["default"] = {"description": "Any other problem", "content": {MEDIA_TYPE: {"schema": _REF}}}


def _of_route_itself(described: dict[str, Any]) -> bool:
    """Whether the route describes this answer with a model of its own."""
    content = described.get("content", {})
    references = {str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2] for media in content.values()}
    return bool(references) and not references & {"HTTPValidationError", "ProblemBody"}
