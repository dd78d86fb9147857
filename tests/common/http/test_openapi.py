"""The OpenAPI document tells the truth: schemathesis finds no undocumented answer and no 5xx."""

from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from common.http import create_app
from common.runtime.settings import ServiceSettings
from common.security.tokens import TokenVerifier
from tests.common.http import things
from tests.common.http.conformance import conformance


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, item in document["paths"].items() for method, op in item.items()]


def test_every_refusal_is_described_as_a_problem(app: FastAPI) -> None:
    for path, method, operation in operations(app.openapi()):
        responses = operation["responses"]
        assert responses["default"]["content"].keys() == {"application/problem+json"}, path
        for status, described in responses.items():
            if status.startswith(("4", "5")) and path != "/health/ready":
                schema = described["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (path, status)
        if path.startswith("/v1/") and path != "/v1/bytes":
            assert {"401", "403", "503"} <= responses.keys(), path
            assert operation["security"] == [{"bearer": []}], path
            assert "Permission: `" in operation["description"]
        if method == "post" and path == "/v1/things":
            assert {"400", "409", "413", "415", "422"} <= responses.keys()
            assert any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])


def test_nothing_of_fastapis_own_errors_is_left(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert {"Problem", "FieldError"} <= schemas.keys()
    assert not {"HTTPValidationError", "ValidationError", "ProblemBody"} & schemas.keys()


async def test_the_document_is_served_to_everybody(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert (await anybody.get("/docs")).status_code == 404


def test_schemathesis_finds_nothing(database_url: str, verifier: TokenVerifier, token: Callable[..., str]) -> None:
    app = create_app(
        service="things",
        routers=[things.router],
        problems=things.PROBLEMS,
        settings=ServiceSettings(database_url=SecretStr(database_url)),
        verifier=verifier,
    )
    findings = conformance(app, token=token(role="admin"), exclude="^/v1/(sql|raw|stream)$")
    assert findings == "", findings
