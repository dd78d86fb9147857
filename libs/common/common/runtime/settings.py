"""Settings of one process, read once from its environment.

Names are unprefixed (`DATABASE_URL`), since every process has its own environment; units come last in field names. A
service adds its own by subclassing:

    class Settings(ServiceSettings):
        api_port: int = 8003
        smtp_host: str
"""

import sys
from typing import Annotated, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

EXIT_WRONG_SETTINGS = 2

Port = Annotated[int, Field(ge=1, le=65535)]


def _address(value: str, schemes: tuple[str, ...]) -> str:
    if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value.rstrip("/")


def _database_url(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    _address(value, ("postgresql", "postgresql+asyncpg", "postgres"))
    return secret


def _rabbitmq_url(secret: SecretStr) -> SecretStr:
    if value := secret.get_secret_value():
        _address(value, ("amqp", "amqps"))
    return secret


def _optional_web_url(value: str) -> str:
    return _address(value, ("http", "https")) if value else value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
RabbitmqUrl = Annotated[SecretStr, AfterValidator(_rabbitmq_url)]
WebUrl = Annotated[str, AfterValidator(_optional_web_url)]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda value: str(value).lower())]


class ServiceSettings(BaseSettings):
    """What every service is told. Addresses of servers are secrets, since they carry passwords."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    database_url: DatabaseUrl
    """postgresql://user:password@host:port/database"""
    rabbitmq_url: RabbitmqUrl = SecretStr("")
    """amqp://user:password@host:port/vhost; only the worker needs it."""

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    metrics_port: Port = 9000
    """The worker's own HTTP: health and metrics."""
    log_level: Level = "info"

    master_keys: SecretStr = SecretStr("")
    """Comma list of `id:base64url of 32 bytes`; the first one is current."""
    token_issuer: WebUrl = "http://127.0.0.1:8001"  # noqa: S105 - an address
    """Who signs the tokens: members, or any OpenID Connect issuer."""
    token_jwks_url: WebUrl = ""
    grant_issuer: WebUrl = ""
    """Members' address, where PIN grants come from; needed only when `token_issuer` is not members."""
    token_audience: str = "loyalty"  # noqa: S105 - a name
    token_algorithms: str = ""
    """Of an outside OpenID Connect issuer: `RS256,ES256`; empty for tokens of members."""
    token_roles_claim: str = ""
    """Path of the roles in an outside issuer's tokens: `realm_access.roles`."""
    token_role_map: str = ""
    """An outside issuer's names for our roles: `crm-admin=admin,crm-user=support`."""

    otel_exporter_otlp_endpoint: WebUrl = ""
    """Base URL of an OTLP/HTTP receiver; empty: spans are not exported, trace ids still travel."""
    trace_sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01

    batch_size: Annotated[int, Field(ge=1, le=5000)] = 500
    prefetch: Annotated[int, Field(ge=1, le=60000)] = 1000
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    shutdown_limit_seconds: Annotated[float, Field(gt=0, le=600)] = 25.0
    connect_retry_limit_seconds: Annotated[float, Field(gt=0, le=600)] = 15.0
    """The longest wait between two attempts to reach a server that does not answer."""


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], *, needs: tuple[str, ...] = ()) -> S:
    """Read the environment, or end the process (exit 2) with one line per wrong variable.

    `needs` names fields that are optional in general but not for this command (`rabbitmq_url` for a worker).
    """
    try:
        loaded = settings()
    except ValidationError as error:
        refuse([_line(settings, problem) for problem in error.errors(include_url=False, include_input=False)])
    missing = [name for name in needs if not _filled(getattr(loaded, name))]
    if missing:
        refuse([f"{name.upper()} is missing" for name in missing])
    return loaded


def _line(settings: type[BaseSettings], problem: object) -> str:
    assert isinstance(problem, dict)
    place = ".".join(str(part) for part in problem["loc"]) or "settings"
    name = place.upper()
    if problem["type"] == "missing":
        field = settings.model_fields.get(place)
        hint = f" ({field.description})" if field is not None and field.description else ""
        return f"{name} is missing{hint}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name} is wrong: {message[0].lower()}{message[1:]}"


def _filled(value: object) -> bool:
    return bool(value.get_secret_value()) if isinstance(value, SecretStr) else value not in (None, "")


def refuse(lines: list[str]) -> NoReturn:
    """End the process (exit 2) with one line for each thing that is wrong with the settings."""
    for line in lines:
        print(f"settings: {line}", file=sys.stderr)
    raise SystemExit(EXIT_WRONG_SETTINGS)
