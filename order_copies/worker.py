"""The polling worker: drains the rows, waits when there are none, stops when told to."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from uuid import uuid4

from django.db import OperationalError, close_old_connections, connection, reset_queries

from order_copies.conf import settings
from order_copies.copying import run_batch
from order_copies.models import OrderFactory, Status
from order_copies.running import Batch

logger = logging.getLogger("order_copies.worker")


def new_name() -> str:
    """A name for this process that no other has: host, process id and something random."""
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{uuid4().hex[:8]}"


class Worker:
    """One process that runs copies until it is stopped.

    ``batch_size`` and ``interval`` (seconds between looks at an empty table) default to the
    settings ``BATCH_SIZE`` and ``POLL_INTERVAL``; ``on_batch`` is told of each batch that ran.
    """

    def __init__(
        self,
        *,
        batch_size: int | None = None,
        interval: float | None = None,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self.name = new_name()
        self._batch_size = batch_size
        self._interval = settings.POLL_INTERVAL if interval is None else interval
        self._on_batch = on_batch
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the batch at hand and return. Safe to call from a signal handler."""
        self._stopping.set()

    def run(self, *, drain: bool = False) -> None:
        """Run batches until stopped; with ``drain``, until there is nothing left to do.

        Copies in progress count: those that crashed are tried again, those of other workers are
        waited for, until they end or their lease runs out.
        """
        while not self._stopping.is_set():
            batch = self._run_batch(drain=drain)
            if batch.claimed:
                self._on_batch(batch)
            elif drain and not self._left_for_later():
                return
            else:
                self._stopping.wait(self._interval)

    def _left_for_later(self) -> bool:
        """Whether copies wait to be tried again, or for a worker that lives or died."""
        return OrderFactory.objects.filter(status=Status.IN_PROGRESS).exists()

    def _run_batch(self, *, drain: bool) -> Batch:
        if not connection.in_atomic_block:
            close_old_connections()
        reset_queries()
        try:
            return run_batch(self.name, limit=self._batch_size)
        except OperationalError:
            if drain:
                raise
            logger.exception("%s: the database does not answer; looking again soon", self.name)
            connection.close()
            return Batch()
