"""`Tx`: the one transaction of a request, committed before the answer is sent.

The route opens it (see `route`), not a dependency with `yield`: so a commit that fails becomes an error answer, a
serialization failure or a deadlock is done again once, and an idempotency key is kept in the same commit. Streamed
answers are produced after the commit: what streams opens its own transaction.

What a route returns is committed, whatever its status; what it raises is rolled back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from sqlalchemy.exc import SQLAlchemyError

from common.http.database_errors import DatabaseUnavailableError
from common.storage import Database, Transaction

_TRANSACTION = "loyalty.transaction"


async def current_transaction(request: Request) -> Transaction:
    transaction = request.scope.get(_TRANSACTION)
    if not isinstance(transaction, Transaction):
        raise RuntimeError("Tx on a route that was not made by common.http.Router")
    return transaction


Tx = Annotated[Transaction, Depends(current_transaction)]
"""One transaction per request: `async def balance(member_id: UUID, tx: Tx)`."""


def wants_transaction(dependant: Dependant) -> bool:
    """Whether the route, or anything it depends on, takes `Tx`."""
    return dependant.call is current_transaction or any(wants_transaction(child) for child in dependant.dependencies)


@asynccontextmanager
async def open_transaction(request: Request) -> AsyncIterator[Transaction]:
    """Begin the request's transaction; commit when the block ends well. Raises DatabaseUnavailableError."""
    database: Database = request.app.state.database
    scope = database.transaction()
    try:
        transaction = await scope.__aenter__()
    except (OSError, TimeoutError, SQLAlchemyError) as error:
        raise DatabaseUnavailableError(str(error)) from error
    request.scope[_TRANSACTION] = transaction
    try:
        yield transaction
    except BaseException as error:
        if not await scope.__aexit__(type(error), error, error.__traceback__):
            raise
    else:
        await scope.__aexit__(None, None, None)
    finally:
        request.scope.pop(_TRANSACTION, None)
