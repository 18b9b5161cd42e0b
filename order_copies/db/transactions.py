"""Transactions: row locks, limits on waiting for them, commits, and reads of one snapshot.

Row locks are the weakest that the database offers.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from order_copies.db.retry import is_lock_timeout
from order_copies.exceptions import RowsLockedError

logger = logging.getLogger("order_copies.worker")

Rows = TypeVar("Rows", bound="QuerySet[Any, Any]")


def locked(rows: Rows) -> Rows:
    """Return ``rows`` as a queryset that locks them until the transaction ends.

    On PostgreSQL other transactions may still insert foreign keys to them (``NO KEY UPDATE``).
    """
    return rows.select_for_update(no_key=_has_weak_locks(rows))


def lock_available(rows: Rows, *, for_deletion: bool = True) -> Rows:
    """Return the rows that no other transaction has locked, as a queryset that locks them.

    On PostgreSQL other transactions may still insert foreign keys to rows that are not locked
    ``for_deletion``. A database without ``SKIP LOCKED`` waits for locked rows instead.
    """
    skip_locked = connections[rows.db].features.has_select_for_update_skip_locked
    no_key = not for_deletion and _has_weak_locks(rows)
    return rows.select_for_update(skip_locked=skip_locked, no_key=no_key)


def lock_existing(rows: "QuerySet[Any, Any]") -> list[Any]:
    """Lock rows against deletion until the transaction ends, and return their primary keys.

    On PostgreSQL this is the lock of a foreign key (``KEY SHARE``), which does not block updates.
    """
    keys = rows.order_by("pk").values_list("pk", flat=True)
    connection = connections[rows.db]
    if connection.vendor != "postgresql":
        return list(locked(keys))
    sql, params = keys.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} FOR KEY SHARE", params)
        return [key for (key,) in cursor.fetchall()]


def _has_weak_locks(rows: "QuerySet[Any, Any]") -> bool:
    return connections[rows.db].features.has_select_for_no_key_update


@contextmanager
def limited_wait(seconds: float, *, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Open a transaction that waits at most ``seconds`` for each row lock.

    Raises :class:`RowsLockedError` when a lock is not granted in time. MariaDB supports whole
    seconds only: they are rounded, and 0 does not wait. SQLite locks the whole database and keeps
    its own ``timeout``.
    """
    connection = connections[using]
    limit = _limits.get(connection.vendor)
    try:
        with limit(connection, seconds) if limit else transaction.atomic(using):
            yield
    except DatabaseError as error:
        if is_lock_timeout(error):
            raise RowsLockedError from error
        raise


@contextmanager
def _limit_postgresql(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    is_nested = connection.in_atomic_block
    set_limit = "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)"
    with transaction.atomic(connection.alias):
        with connection.cursor() as cursor:
            cursor.execute(set_limit, [f"{round(seconds * 1000)}ms"])
            before, _now = cursor.fetchone()
        yield
        # The end of an outermost transaction resets the limit, after deferred constraints have
        # taken their locks. A rollback to a savepoint resets it too, but the release of one does
        # not.
        if is_nested and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(set_limit, [before])


@contextmanager
def _limit_mariadb(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    set_limit = "SET SESSION innodb_lock_wait_timeout = %s"
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@innodb_lock_wait_timeout")
        (before,) = cursor.fetchone()
        cursor.execute(set_limit, [round(seconds)])
    session = connection.connection
    try:
        with transaction.atomic(connection.alias):
            yield
    finally:
        # A new connection has a new session, with the default limit.
        if connection.connection is session:
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute(set_limit, [before])


_limits = {"postgresql": _limit_postgresql, "mysql": _limit_mariadb}


class Row(Protocol):
    """A row with an id for the log."""

    @property
    def public_id(self) -> str:
        """The id on the wire."""


@contextmanager
def committed(
    rows: Sequence[Row], *, lock_wait: float | None = None, **extra: str
) -> Iterator[None]:
    """Open a transaction that changes the status of rows of a queue.

    The list may be filled inside the transaction. An exception of an ``on_commit`` callback is
    logged with ``extra`` and suppressed, because the statuses are committed. An exception before
    the commit is raised. Raises :class:`RowsLockedError` if a row lock is not granted within
    ``lock_wait`` seconds.
    """
    has_committed: list[bool] = []
    try:
        with transaction.atomic() if lock_wait is None else limited_wait(lock_wait):
            # Registered first, so it is called before a callback that raises.
            transaction.on_commit(partial(has_committed.append, True))
            yield
    except Exception:
        if not has_committed:
            raise
        ids = [row.public_id for row in rows]
        message = "An on_commit callback failed, and callbacks after it did not run: %s"
        logger.exception(message, ", ".join(ids), extra={**extra, "order_copy_ids": ids})


_begin = {
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "mysql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
}


@contextmanager
def consistent_reads() -> Iterator[None]:
    """Open a transaction in which all queries read one snapshot of the database.

    Inside another transaction, queries have the isolation level of that transaction.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        if is_outermost and connection.vendor in _begin:
            with connection.cursor() as cursor:
                cursor.execute(_begin[connection.vendor])
        yield
