"""Trouble with the database that passes, and how it is waited out."""

import logging
import random
import time
from collections.abc import Callable
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

#: SQLSTATEs of PostgreSQL, by how they begin: the connection is lost, a transaction was rolled back
#: for another one, there are too few resources, a lock cannot be had, the server stops or starts.
_sqlstates = ("08", "40", "53", "55P03", "57P")
#: Numbers of MariaDB: too many connections, a lock cannot be had, a deadlock, a row that changed
#: since it was read, a server that stops, and all ways to lose a connection.
_mariadb_numbers = frozenset({1020, 1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055})
#: SQLITE_BUSY, SQLITE_LOCKED, and SQLITE_PROTOCOL: too many began to read a WAL at once.
_sqlite_codes = frozenset({5, 6, 15})


def is_transient(error: BaseException) -> bool:
    """Whether the same statements may well succeed a moment later.

    So it is with deadlocks, serialization failures, lost connections and locks that cannot be had;
    never with what the statements themselves are to blame for.
    """
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    cause: Any = error.__cause__
    if hasattr(cause, "sqlite_errorcode"):
        return cause.sqlite_errorcode & 0xFF in _sqlite_codes
    if hasattr(cause, "sqlstate"):
        # psycopg has no SQLSTATE where no server answered.
        state = cause.sqlstate
        return state.startswith(_sqlstates) if state else isinstance(error, OperationalError)
    return bool(error.args) and error.args[0] in _mariadb_numbers


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
