"""Where a verifier finds the public keys of an issuer: given, at a JWKS address, or through OIDC discovery.

Remote keys are kept for an hour and fetched again when a token names a key that is not known (keys rotate), at most
once in ten seconds whatever tokens come in. If the issuer does not answer, the keys known so far go on serving.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

FRESH_SECONDS = 3600.0
REFETCH_SECONDS = 10.0
TIMEOUT_SECONDS = 3.0
MAX_DOCUMENT_BYTES = 1_000_000

Fetch = Callable[[str], Awaitable[dict[str, Any]]]


class KeysUnavailableError(Exception):
    """The issuer's keys could not be fetched and none are known: nobody can be let in or refused now."""


class KeySource(Protocol):
    async def find(self, kid: str | None) -> Key | None:
        """The public key of this id; without an id the only key. None when there is none."""
        ...


class FixedKeys:
    """Keys that are given: tests, and issuers that verify with their own."""

    def __init__(self, *public_keys: dict[str, Any]) -> None:
        self._keys = _import(list(public_keys))

    async def find(self, kid: str | None) -> Key | None:
        return _pick(self._keys, kid)


class RemoteKeys:
    """Keys at a JWKS address."""

    def __init__(self, url: str, *, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._keys: dict[str | None, Key] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> Key | None:
        key = _pick(self._keys, kid)
        stale = self._fetched_at is None or self._clock() - self._fetched_at > FRESH_SECONDS
        if (key is None or stale) and self._may_try():
            async with self._lock:
                if self._may_try():
                    await self._refresh()
            key = _pick(self._keys, kid)
        if key is None and self._fetched_at is None:
            raise KeysUnavailableError(self._url)
        return key

    async def address(self) -> str:
        return self._url

    def _may_try(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= REFETCH_SECONDS

    async def _refresh(self) -> None:
        try:
            document = await self._fetch(await self.address())
            self._keys = _import(document["keys"])
            self._fetched_at = self._clock()
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # the keys known so far go on serving; without any, find() says so
        finally:
            self._tried_at = self._clock()


class DiscoveredKeys(RemoteKeys):
    """Keys of an OIDC issuer: its discovery document names the JWKS address."""

    def __init__(self, issuer: str, *, fetch: Fetch | None = None) -> None:
        super().__init__(issuer.rstrip("/") + "/.well-known/openid-configuration", fetch=fetch)
        self._issuer = issuer

    async def address(self) -> str:
        document = await self._fetch(self._url)
        if document["issuer"].rstrip("/") != self._issuer.rstrip(
            "/"
        ):  # OIDC Discovery 4.3: it must be the issuer that was asked
            raise ValueError("the discovery document is of another issuer")
        return str(document["jwks_uri"])


async def fetch_json(url: str) -> dict[str, Any]:
    """GET one JSON object. Raises httpx.HTTPError or ValueError."""
    body = b""
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        response.raise_for_status()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_DOCUMENT_BYTES:
                raise ValueError(f"{url} answers more than {MAX_DOCUMENT_BYTES} bytes")
    document = httpx.Response(200, content=body).json()
    if not isinstance(document, dict):
        raise ValueError(f"{url} does not answer a JSON object")
    return document


def _import(public_keys: list[dict[str, Any]]) -> dict[str | None, Key]:
    keys: dict[str | None, Key] = {}
    for jwk in public_keys:
        if jwk.get("use", "sig") != "sig" or jwk.get("kty") == "oct":
            continue  # a shared secret in a public document would let anybody sign
        try:
            keys[jwk.get("kid")] = JWKRegistry.import_key(jwk)
        except JoseError:
            continue  # RFC 7517 section 5: a key of a kind we do not know is skipped
    return keys


def _pick(keys: dict[str | None, Key], kid: str | None) -> Key | None:
    if kid is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(kid)
