"""Row locks: the weakest that the database offers, with a limit on waiting for them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from order_copies.db.retry import is_lock_timeout
from order_copies.exceptions import RowsLockedError

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


@contextmanager
def limited_wait(seconds: float, *, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Open a transaction that waits at most ``seconds`` for each row lock.

    Raises :class:`RowsLockedError` when a lock is not granted in time. MariaDB supports whole
    seconds only: they are rounded, and 0 does not wait. SQLite locks the whole database and keeps
    its own ``timeout``.
    """
    connection = connections[using]
    limit = _limits.get(connection.vendor, _without_limit)
    try:
        with limit(connection, seconds):
            yield
    except DatabaseError as error:
        if is_lock_timeout(error):
            raise RowsLockedError from error
        raise


@contextmanager
def _without_limit(connection: BaseDatabaseWrapper, _seconds: float) -> Iterator[None]:
    with transaction.atomic(connection.alias):
        yield


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


def _has_weak_locks(rows: "QuerySet[Any, Any]") -> bool:
    return connections[rows.db].features.has_select_for_no_key_update
