"""`Idempotency-Key`: a write that is sent again is not done again; the first answer is given again.

After draft-ietf-httpapi-idempotency-key-header: a key belongs to one caller and one request; the same key with another
request is 422. While the first is being worked on the second waits, then gets the same answer, or 409 when that takes
longer than a lock may be waited for. The key is kept in the same commit as the effect, and as long as the ledger.

What is remembered: answers of the route, good or bad, below 500. Not remembered: requests that never began (not
readable, not valid, not allowed) and failures of ours (5xx, 429): these may be sent again with the same key.

Answers can carry personal data and keys are never deleted, so an answer is sealed with a key that is derived from the
client's Idempotency-Key, of which only a hash is stored: nobody but the client who asked can bring the answer back.
The request's fingerprint is keyed with it too, or a telephone number could be guessed from it.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from common.http.answers import Answers
from common.http.database_errors import waited_for_lock
from common.http.problems import INVALID, ProblemError, problem
from common.http.transaction import open_transaction
from common.security.callers import Caller
from common.storage import Transaction

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
NONCE_BYTES = 12
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEPT_HEADERS = ("content-type", "location", "etag", "retry-after")
FORGOTTEN_STATUSES = frozenset({401, 403, 408, 429})

REUSED = problem(422, "idempotency_key_reused", "This Idempotency-Key was used for another request")
IN_PROGRESS = problem(
    409,
    "idempotency_key_in_progress",
    "A request with this Idempotency-Key is still being worked on",
    retry_after_seconds=2,
)
BAD_KEY = problem(400, "idempotency_key_invalid", "The Idempotency-Key is not 1 to 255 visible ASCII characters")

_VISIBLE = re.compile(r"[!-~]{1,255}")
_CLAIM = """
    INSERT INTO idempotency_keys (caller, key, request_hash) VALUES (:caller, :key, :request_hash)
    ON CONFLICT (caller, key) DO NOTHING
"""
_FIND = "SELECT request_hash, status, headers, body FROM idempotency_keys WHERE caller = :caller AND key = :key"
_KEEP = """
    UPDATE idempotency_keys SET status = :status, headers = CAST(:headers AS jsonb), body = :body
    WHERE caller = :caller AND key = :key
"""

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """One caller's key for one request. `secret` is what the client sent, and is not stored."""

    caller: str
    secret: str = field(repr=False)
    request_hash: bytes

    @property
    def stored(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()


async def key_of(request: Request, caller: Caller) -> RequestKey | None:
    """The key of a writing request, None when none was sent."""
    sent = request.headers.getlist(HEADER)
    if request.method not in METHODS or not sent:
        return None
    secret = sent[0].strip()
    if len(sent) > 1 or not _VISIBLE.fullmatch(secret):
        raise ProblemError(BAD_KEY)
    if len(secret) > 2 and secret[0] == secret[-1] == '"':
        secret = secret[1:-1]  # the draft writes it as a quoted string (RFC 8941), most clients do not
    described = "\n".join([request.method, request.url.path, request.url.query, ""]).encode()
    return RequestKey(
        caller=caller.subject,
        secret=secret,
        request_hash=hmac.digest(secret.encode(), described + await request.body(), hashlib.sha256),
    )


async def answer_once(request: Request, key: RequestKey, handle: Handler) -> Response:
    """Let `handle` answer, or give the answer it gave before. Exceptions that are to be remembered become answers."""
    try:
        async with open_transaction(request) as tx:
            if not await _claim(tx, key):
                return await _answer_again(tx, key)
            response = await handle(request)
            if response.status_code >= 500:
                raise _NotKept(response)
            await _keep(tx, key, response)
        return response
    except _NotKept as failed:
        return failed.response
    except Exception as error:
        refusal = _refusal_to_keep(request, error)
        if refusal is None:
            raise
        return await _keep_refusal(request, key, refusal)


class _NotKept(Exception):
    """An answer that says the server failed: roll back, remember nothing."""

    def __init__(self, response: Response) -> None:
        self.response = response


def _refusal_to_keep(request: Request, error: Exception) -> Response | None:
    if isinstance(error, (RequestValidationError, HTTPException, ProblemError)) and not _by_route(error):
        return None
    answers: Answers = request.app.state.answers
    response = answers.answer(error)
    if response is None or response.status_code >= 500 or response.status_code in FORGOTTEN_STATUSES:
        return None
    return response


def _by_route(error: Exception) -> bool:
    """Whether a route began its work before this was raised: then it is an answer, not an unreadable request."""
    if isinstance(error, ProblemError):
        return error.kind not in (REUSED, IN_PROGRESS, BAD_KEY, INVALID)
    return isinstance(error, HTTPException) and error.status_code not in {400, 413, 415}


async def _claim(tx: Transaction, key: RequestKey) -> bool:
    """Whether the key is new. Waits while another transaction holds it; when that one rolls back the key is ours."""
    params = {"caller": key.caller, "key": key.stored, "request_hash": key.request_hash}
    try:
        return await tx.execute(_CLAIM, params) == 1
    except DBAPIError as error:
        if waited_for_lock(error):
            raise ProblemError(IN_PROGRESS) from error
        raise


async def _answer_again(tx: Transaction, key: RequestKey) -> Response:
    row = await tx.fetch_one(_FIND, {"caller": key.caller, "key": key.stored})
    if row is None or row.status is None:
        raise ProblemError(IN_PROGRESS)
    if row.request_hash != key.request_hash:
        raise ProblemError(REUSED)
    body = _open(key, row.body)
    return Response(body, status_code=row.status, headers={**row.headers, REPLAYED: "true"})


async def _keep(tx: Transaction, key: RequestKey, response: Response) -> None:
    body = getattr(response, "body", None)
    if not isinstance(body, bytes):
        raise TypeError("a streamed answer cannot be kept for an Idempotency-Key: answer it from a GET")
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    await tx.execute(
        _KEEP,
        {
            "caller": key.caller,
            "key": key.stored,
            "status": response.status_code,
            "headers": orjson.dumps(headers).decode(),
            "body": _seal(key, body),
        },
    )


async def _keep_refusal(request: Request, key: RequestKey, refusal: Response) -> Response:
    """The effect was rolled back; remember the refusal in a transaction of its own, unless somebody else was faster."""
    async with open_transaction(request) as tx:
        if not await _claim(tx, key):
            return await _answer_again(tx, key)
        await _keep(tx, key, refusal)
    return refusal


def _cipher(key: RequestKey) -> AESGCM:
    derive = HKDF(algorithm=SHA256(), length=32, salt=key.caller.encode(), info=b"loyalty idempotency answer")
    return AESGCM(derive.derive(key.secret.encode()))


def _seal(key: RequestKey, body: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, body, key.request_hash)


def _open(key: RequestKey, sealed: bytes) -> bytes:
    return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key.request_hash)
