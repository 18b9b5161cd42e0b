"""Transactions: commits whose callbacks may fail, and reads that all see one state."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from django.db import connection, transaction

from order_copies.db.locks import limited_wait

logger = logging.getLogger("order_copies.worker")


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
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        if is_outermost and connection.vendor in _begin:
            with connection.cursor() as cursor:
                cursor.execute(_begin[connection.vendor])
        yield
