"""Where the services are and who we are: the running stack's file, or `LOYALTY_*` variables for any other installation.

| variable | |
|---|---|
| LOYALTY_STACK | the stack's file, `.run/stack.json` here or above by default |
| LOYALTY_MEMBERS_URL, LOYALTY_POINTS_URL, … | addresses of the APIs |
| LOYALTY_MEMBERS_METRICS_URL, … | addresses of the workers' health and metrics |
| LOYALTY_MANAGEMENT_URL, LOYALTY_VHOST | RabbitMQ's management API (`http://user:password@host:15672`) |
| LOYALTY_TOKEN | a token to use as it is |
| LOYALTY_CLIENT_ID, LOYALTY_CLIENT_SECRET | client credentials to get one for |
| LOYALTY_EMAIL, LOYALTY_PASSWORD | a member of staff to log in as |

Without any of the last three kinds the stack's first member of staff is logged in.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from loyalty.clients.api import Api, ApiError
from loyalty.stackfile import Stack, StackMissingError, load_stack

SERVICES = ("members", "points", "notify", "analytics")
TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 - an address
STAFF_LOGIN_PATH = "/v1/staff/login"
RENEW_BEFORE_SECONDS = 30
TIMEOUT_SECONDS = 30.0


class NotConfiguredError(Exception):
    """Nothing says where a service is, or who we are; the text names what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """RabbitMQ's management API."""

    url: str
    vhost: str
    user: str
    password: str


class Session:
    """Addresses, and tokens that are renewed in time. Use as `with`."""

    def __init__(self, *, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._stack: Stack | None = None
        self._token = ""
        self._renew_at = 0.0
        self._apis: dict[str, Api] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for api in self._apis.values():
            api.__exit__(kind, error, trace)
        self._apis.clear()

    @property
    def stack(self) -> Stack:
        """What `make up` wrote down. Raises NotConfiguredError when there is none."""
        if self._stack is None:
            try:
                self._stack = load_stack()
            except (StackMissingError, OSError, ValueError) as error:
                raise NotConfiguredError(f"{error} Or set LOYALTY_* (see `loyalty --help`).") from error
        return self._stack

    def api(self, service: str) -> Api:
        """The service's HTTP API, with our token."""
        if service not in self._apis:
            self._apis[service] = Api(self.api_url(service), self.token, timeout_seconds=TIMEOUT_SECONDS)
        return self._apis[service]

    def api_url(self, service: str) -> str:
        return self._variable(f"{service}_url") or self._address(service).api_url

    def metrics_url(self, service: str) -> str:
        return self._variable(f"{service}_metrics_url") or self._address(service).metrics_url

    def broker(self) -> Broker:
        if url := self._variable("management_url"):
            parts = urlsplit(url)
            bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
            user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
            return Broker(url=bare, vhost=self._variable("vhost") or "loyalty", user=user, password=password)
        broker = self.stack.rabbitmq
        return Broker(url=broker.management_url, vhost=broker.vhost, user=broker.user, password=broker.password)

    def token(self) -> str:
        """A token that is good for at least half a minute. Raises ApiError when members refuses us."""
        if given := self._variable("token"):
            return given
        if time.monotonic() >= self._renew_at:
            answer = self._ask_for_token()
            self._token = str(answer["access_token"])
            self._renew_at = time.monotonic() + max(1, int(answer.get("expires_in", 300)) - RENEW_BEFORE_SECONDS)
        return self._token

    def _ask_for_token(self) -> dict[str, Any]:
        members = self.api_url("members")
        client_id, secret = self._variable("client_id"), self._variable("client_secret")
        if client_id:
            form = {"grant_type": "client_credentials"}
            return _post(f"{members}{TOKEN_PATH}", data=form, auth=(client_id, secret))
        email, password = self._variable("email"), self._variable("password")
        if not email:
            email, password = self.stack.admin.email, self.stack.admin.password
        return _post(f"{members}{STAFF_LOGIN_PATH}", json={"email": email, "password": password})

    def _variable(self, name: str) -> str:
        return self._environment.get(f"LOYALTY_{name.upper()}", "").strip()

    def _address(self, service: str) -> Any:
        try:
            return self.stack.services[service]
        except KeyError:
            raise NotConfiguredError(f"Nothing says where {service} is: set LOYALTY_{service.upper()}_URL.") from None


def _post(url: str, **options: Any) -> dict[str, Any]:
    try:
        answer = httpx.post(url, timeout=TIMEOUT_SECONDS, trust_env=False, **options)
    except httpx.HTTPError as error:
        raise ApiError(f"log in at {url}", 0, "", str(error) or type(error).__name__) from error
    if answer.is_error:
        detail = answer.text[:300]
        try:
            body = answer.json()
            detail = body.get("detail") or body.get("error_description") or detail
        except (ValueError, AttributeError):
            pass
        raise ApiError(f"log in at {url}", answer.status_code, "", str(detail))
    found: dict[str, Any] = answer.json()
    return found
