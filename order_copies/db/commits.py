"""What is committed counts, whatever anybody does about it afterwards."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from django.db import transaction

from order_copies.db.locks import limited_wait
from order_copies.models import OrderFactory

logger = logging.getLogger("order_copies.worker")


@contextmanager
def committed(
    order_copies: Sequence[OrderFactory], *, lock_wait: float | None = None, **extra: str
) -> Iterator[None]:
    """A transaction that moves these copies; they may become known inside of it.

    What others do after it (``transaction.on_commit``) may raise: the copies have moved
    nevertheless, and the log says so, with ``extra``. What is raised before is raised, and so is
    :class:`RowsLockedError` where a row lock cannot be had within ``lock_wait`` seconds.
    """
    has_committed: list[bool] = []
    try:
        with transaction.atomic() if lock_wait is None else limited_wait(lock_wait):
            # Before anything else is registered, so before anything else is called.
            transaction.on_commit(partial(has_committed.append, True))
            yield
    except Exception:
        if not has_committed:
            raise
        ids = [order_copy.public_id for order_copy in order_copies]
        message = "What the shop does after a commit failed; the rest of it was left out: %s"
        logger.exception(message, ", ".join(ids), extra={**extra, "order_copy_ids": ids})
