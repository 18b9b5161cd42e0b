"""Trouble with the database that passes, and how it is waited out."""

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

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0

#: SQLSTATEs of PostgreSQL, by how they begin: the connection is lost, the server may only be read,
#: a transaction was idle for too long or rolled back for another one, there are too few resources,
#: a lock cannot be had, the server stops or starts.
_sqlstates = ("08", "25006", "25P03", "40", "53", "55P03", "57P")
#: Numbers of MariaDB, for the same.
_mariadb_numbers = frozenset(
    {
        *(1040, 1203, 1226),  # too many connections
        *(1020, 1205, 1213),  # a row that changed since it was read, a lock, a deadlock
        *(1047, 1053, 1290, 1792),  # a node without its cluster, a stop, a server only to be read
        *(1021, 1114),  # a full disk
        *(1129, 1158, 1159, 1160, 1161, 1927),  # a connection that is refused or lost
        *(2002, 2003, 2005, 2006, 2012, 2013, 2026, 2055),  # the same, as the client sees it
    }
)
#: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_FULL, and SQLITE_PROTOCOL: too many began to
#: read a WAL at once.
_sqlite_codes = frozenset({5, 6, 8, 13, 15})
#: What PostgreSQL (SQLSTATE) and MariaDB call a row lock that was not released in time.
_lock_not_available, _lock_wait_timeout = "55P03", 1205
#: What PostgreSQL, MariaDB and SQLite answer where they may only be read, and with a full disk.
_read_only = (("25006",), frozenset({1290, 1792}), frozenset({8}))
_disk_full = (("53100",), frozenset({1021, 1114}), frozenset({13}))


def is_transient(error: BaseException) -> bool:
    """Whether the same statements may well succeed a moment later.

    So it is with deadlocks, serialization failures, lost connections, locks that cannot be had, a
    full disk, and a server that may only be read since another one took its place; never with what
    the statements themselves are to blame for.
    """
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    if getattr(error.__cause__, "sqlstate", "a database without them") is None:
        # psycopg has no SQLSTATE where no server answered.
        return isinstance(error, OperationalError)
    return _is_one_of(error, _sqlstates, _mariadb_numbers, _sqlite_codes)


def is_lock_timeout(error: DatabaseError) -> bool:
    """Whether a statement waited for a row lock until its limit; never on SQLite."""
    return _is_one_of(error, (_lock_not_available,), {_lock_wait_timeout}, ())


def is_read_only(error: DatabaseError) -> bool:
    """Whether a statement failed because the database may only be read."""
    return _is_one_of(error, *_read_only)


def refuses_writes(error: BaseException) -> bool:
    """Whether no copy can be written, because the database is read-only or its disk is full."""
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


def ask(database: BaseDatabaseWrapper) -> None:
    """Raises what the database raises if it is not there."""
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")


def answers() -> bool:
    """Whether the database is there at all."""
    try:
        ask(connections[DEFAULT_DB_ALIAS])
    except Error:
        return False
    return True


def steadily(work: Callable[[], Result], *, patience: timedelta) -> Result:
    """What ``work`` returns, tried again after transient trouble.

    Raises that trouble once it has lasted for longer than ``patience``.

    ``work`` must be all or nothing. Inside of a transaction, which is lost with the first error,
    there is one try.
    """
    deadline = None
    pause = FIRST_PAUSE
    while True:
        try:
            return work()
        except Error as error:
            if connection.in_atomic_block or not is_transient(error):
                raise
            # From here on: what went before, a slow gateway perhaps, is nobody's trouble.
            deadline = deadline or time.monotonic() + patience.total_seconds()
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("Trouble with the database, trying again: %s", error)
        connection.close_if_unusable_or_obsolete()
        # Not in step with whoever is in the way.
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
        pause = min(pause * 2, LONGEST_PAUSE)
