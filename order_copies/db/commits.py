"""Log, rather than propagate, errors that ``on_commit`` callbacks raise after a commit."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from django.db import transaction

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
