"""Classify transient errors of the database, and retry after them."""

import logging
import random
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    Error,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger("order_copies.worker")

Result = TypeVar("Result")

#: Seconds before the first retry; each further backoff is twice as long.
FIRST_PAUSE = 0.05
#: The longest backoff, in seconds.
LONGEST_PAUSE = 2.0

#: Prefixes of PostgreSQL's SQLSTATEs of transient errors: connection lost (08), read-only server
#: (25006), idle transaction terminated (25P03), transaction rolled back (40), insufficient
#: resources (53), lock not available (55P03), server stopping or starting (57P).
_sqlstates = ("08", "25006", "25P03", "40", "53", "55P03", "57P")
#: MariaDB's numbers of transient errors.
_mariadb_numbers = frozenset(
    {
        *(1040, 1203, 1226),  # too many connections
        *(1020, 1205, 1213),  # row changed since it was read, lock wait timeout, deadlock
        *(1047, 1053, 1290, 1792),  # node without its cluster, shutdown, read-only server
        *(1021, 1114),  # disk full, table full
        *(1129, 1158, 1159, 1160, 1161, 1927),  # connection refused or lost, seen by the server
        *(2002, 2003, 2005, 2006, 2012, 2013, 2026, 2055),  # the same, seen by the client
    }
)
#: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_FULL, and SQLITE_PROTOCOL (too many
#: connections began to read a WAL at once).
_sqlite_codes = frozenset({5, 6, 8, 13, 15})
#: A row lock timed out: PostgreSQL's SQLSTATE and MariaDB's number.
_lock_not_available, _lock_wait_timeout = "55P03", 1205
#: A read-only server, and a full disk: PostgreSQL's SQLSTATE, MariaDB's numbers, SQLite's code.
_read_only = (("25006",), frozenset({1290, 1792}), frozenset({8}))
_disk_full = (("53100",), frozenset({1021, 1114}), frozenset({13}))


def is_transient(error: BaseException) -> bool:
    """Return whether the same statements may succeed a moment later.

    True for deadlocks, serialization failures, lost connections, lock timeouts, a full disk, and a
    server that is read-only after a failover. False for errors in the statements themselves.
    """
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    if getattr(error.__cause__, "sqlstate", "a database without them") is None:
        # psycopg sets no SQLSTATE if the server did not answer.
        return isinstance(error, OperationalError)
    return _is_one_of(error, _sqlstates, _mariadb_numbers, _sqlite_codes)


def is_lock_timeout(error: DatabaseError) -> bool:
    """Return whether a statement failed because a row lock timed out; never true on SQLite."""
    return _is_one_of(error, (_lock_not_available,), {_lock_wait_timeout}, ())


def is_read_only(error: DatabaseError) -> bool:
    """Return whether a statement failed because the database is read-only."""
    return _is_one_of(error, *_read_only)


def refuses_writes(error: BaseException) -> bool:
    """Return whether the database refuses every write: it is read-only, or its disk is full."""
    if not isinstance(error, DatabaseError):
        return False
    return is_read_only(error) or _is_one_of(error, *_disk_full)


def _is_one_of(
    error: DatabaseError,
    sqlstates: tuple[str, ...],
    mariadb_numbers: Collection[int],
    sqlite_codes: Collection[int],
) -> bool:
    cause: Any = error.__cause__
    if hasattr(cause, "sqlite_errorcode"):
        return cause.sqlite_errorcode & 0xFF in sqlite_codes
    if hasattr(cause, "sqlstate"):
        return (cause.sqlstate or "").startswith(sqlstates)
    return bool(error.args) and error.args[0] in mariadb_numbers


def check_reachable(database: BaseDatabaseWrapper) -> None:
    """Run a trivial query. Raises the database's error if it cannot be reached."""
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")


def is_reachable() -> bool:
    """Return whether the default database can be reached."""
    try:
        check_reachable(connections[DEFAULT_DB_ALIAS])
    except Error:
        return False
    return True


def with_retries(work: Callable[[], Result], *, patience: timedelta) -> Result:
    """Return the result of ``work``, which is retried with a backoff after transient errors.

    Raises the last transient error after ``patience``, counted from the first one; raises any other
    error at once.

    ``work`` must be atomic. Inside a transaction it is not retried, because the first error breaks
    the transaction.
    """
    deadline = None
    pause = FIRST_PAUSE
    while True:
        try:
            return work()
        except Error as error:
            if connection.in_atomic_block or not is_transient(error):
                raise
            # The time before the first error does not count: a gateway may have been slow.
            deadline = deadline or time.monotonic() + patience.total_seconds()
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("Transient error of the database, retrying: %s", error)
        connection.close_if_unusable_or_obsolete()
        # Jitter: the other side of a deadlock retries too.
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
        pause = min(pause * 2, LONGEST_PAUSE)
