"""Row locks: as weak as the database allows, and never waited for without a limit."""

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
    """The rows, locked until the transaction ends.

    PostgreSQL lets other transactions refer to them by foreign keys.
    """
    return rows.select_for_update(no_key=_has_weak_locks(rows))


def locked_unless_taken(rows: Rows, *, for_deletion: bool = True) -> Rows:
    """The rows that no other transaction has locked, locked until the transaction ends.

    PostgreSQL lets other transactions refer to rows that are not locked ``for_deletion``. A
    database that cannot skip locked rows waits for them.
    """
    skip_locked = connections[rows.db].features.has_select_for_update_skip_locked
    no_key = not for_deletion and _has_weak_locks(rows)
    return rows.select_for_update(skip_locked=skip_locked, no_key=no_key)


def keep_existing(rows: "QuerySet[Any, Any]") -> list[Any]:
    """Lock rows against deletion until the transaction ends, and return their primary keys.

    PostgreSQL takes the lock that a foreign key takes, which conflicts with no update.
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

    Raises :class:`RowsLockedError` when the wait is over. MariaDB knows whole seconds only: they
    are rounded there, and 0 does not wait. SQLite locks the whole database, and keeps its timeout.
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
        # The end of a transaction resets it, after deferred constraints have taken their locks,
        # and so does a rollback to the savepoint.
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
        # A lost connection took its session along.
        if connection.connection is session:
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute(set_limit, [before])


_limits = {"postgresql": _limit_postgresql, "mysql": _limit_mariadb}


def _has_weak_locks(rows: "QuerySet[Any, Any]") -> bool:
    return connections[rows.db].features.has_select_for_no_key_update
