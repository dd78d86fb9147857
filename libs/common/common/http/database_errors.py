"""What an exception of the database means for the one who asked.

PostgreSQL's SQLSTATE decides (https://www.postgresql.org/docs/current/errcodes-appendix.html).
"""

from sqlalchemy import exc

from common.http.problems import BY_STATUS, Problem, problem

AGAIN = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the same transaction may succeed when done again at once."""
LOCKED = "55P03"

UNAVAILABLE = problem(503, "database_unavailable", "The database does not answer", retry_after_seconds=5)
BUSY = problem(503, "database_busy", "The database was too slow, nothing was changed", retry_after_seconds=2)
NOT_STORABLE = problem(422, "value_not_storable", "A value cannot be stored")
CONFLICT = BY_STATUS[409]

_BY_STATE: dict[str, Problem] = {
    "40001": BUSY,
    "40P01": BUSY,
    "55P03": BUSY,
    "57014": BUSY,
    "25P03": BUSY,
    "25P04": BUSY,
    "23505": CONFLICT,
    "23503": CONFLICT,
    "23P01": CONFLICT,
}
_BY_CLASS: dict[str, Problem] = {"08": UNAVAILABLE, "53": UNAVAILABLE, "57": UNAVAILABLE, "22": NOT_STORABLE}


class DatabaseUnavailableError(Exception):
    """No connection could be had."""


def sqlstate_of(error: exc.DBAPIError) -> str:
    """The five characters of PostgreSQL, "" when the error is not PostgreSQL's own."""
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else ""


def may_succeed_again(error: BaseException) -> bool:
    return isinstance(error, exc.DBAPIError) and sqlstate_of(error) in AGAIN


def waited_for_lock(error: BaseException) -> bool:
    return isinstance(error, exc.DBAPIError) and sqlstate_of(error) == LOCKED


def problem_of(error: Exception) -> Problem | None:
    """The problem behind a database exception; None when it is a mistake of ours (or not the database's)."""
    if isinstance(error, (DatabaseUnavailableError, exc.TimeoutError)):
        return UNAVAILABLE
    if not isinstance(error, exc.DBAPIError):
        return None
    if error.connection_invalidated:
        return UNAVAILABLE
    state = sqlstate_of(error)
    if state:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2])
    if "invalid input for query argument" in str(error.orig):
        return NOT_STORABLE  # the driver refuses what PostgreSQL could not hold: NUL, lone surrogates, over 64 bits
    return UNAVAILABLE if isinstance(error, (exc.InterfaceError, exc.OperationalError)) else None
