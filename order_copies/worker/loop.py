"""The polling worker: run batches, wait while the queue is empty, stop on request."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.db import Error, close_old_connections, connection, reset_queries
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.retry import is_transient, with_retries
from order_copies.models import OrderFactory
from order_copies.worker import heartbeats
from order_copies.worker.batches import Batch
from order_copies.worker.leases import release
from order_copies.worker.run import run_batch

#: How long transient errors of the database may keep a worker from releasing its copies.
RELEASE_PATIENCE = timedelta(seconds=2)

logger = logging.getLogger("order_copies.worker")


class Worker:
    """One process that runs copies until it is stopped.

    ``batch_size`` and ``interval`` (seconds between two looks at an empty queue) default to the
    settings ``BATCH_SIZE`` and ``POLL_INTERVAL``; ``on_batch`` is called with each batch that ran.
    """

    def __init__(
        self,
        *,
        batch_size: int | None = None,
        interval: float | None = None,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self.name = heartbeats.new_name()
        self._batch_size = batch_size
        self._interval = settings.POLL_INTERVAL if interval is None else interval
        self._on_batch = on_batch
        self._stopping = threading.Event()
        self._next_beat = 0.0
        #: Whether the last look failed: the log has the traceback of the first failure only.
        self._has_failed = False

    def stop(self) -> None:
        """Finish the current batch and return. Safe to call from any thread."""
        self._stopping.set()

    def run(self, *, drain: bool = False) -> None:
        """Run batches until stopped; with ``drain``, until every copy has ended.

        A drain also waits for copies in progress: those that crashed are retried, those of other
        workers end or lose their lease.
        """
        try:
            self._run(drain=drain)
        finally:
            with suppress(Error):
                heartbeats.end(self.name)

    def release(self) -> int:
        """Release the copies that this worker holds, and return their number.

        The current attempt may go on until another worker claims them.
        """
        running = OrderFactory.objects.running
        count = with_retries(
            lambda: release(running(timezone.now()), self.name), patience=RELEASE_PATIENCE
        )
        logger.warning("%s releases %s copies", self.name, count, extra={"worker": self.name})
        return count

    def _run(self, *, drain: bool) -> None:
        while not self._stopping.is_set():
            batch = self._run_batch(drain=drain)
            if batch.claimed:
                self._on_batch(batch)
            elif drain and not OrderFactory.objects.in_progress().exists():
                return
            else:
                self._wait()

    def _wait(self) -> None:
        """Wait for the next look or for :meth:`stop`, and send heartbeats."""
        next_look = time.monotonic() + self._interval
        while (left := next_look - time.monotonic()) > 0:
            if self._stopping.wait(min(left, heartbeats.INTERVAL)):
                return
            try:
                self._beat()
            except Error:  # The next look reports it.
                connection.close()

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            beat = heartbeats.beat if self._next_beat else heartbeats.begin
            beat(self.name)
            self._next_beat = time.monotonic() + heartbeats.INTERVAL

    def _run_batch(self, *, drain: bool) -> Batch:
        if not connection.in_atomic_block:
            close_old_connections()
        reset_queries()
        try:
            self._beat()
            batch = run_batch(self.name, limit=self._batch_size)
        except Error as error:
            if drain or not is_transient(error):
                raise
            self._log_failure(error)
            connection.close()
            with suppress(Error):
                # The database failed, not the copies: the attempt does not count.
                release(OrderFactory.objects.all(), self.name)
            return Batch()
        self._has_failed = False
        return batch

    def _log_failure(self, error: Error) -> None:
        extra = {"worker": self.name}
        if self._has_failed:
            logger.warning("%s: the database still fails: %s", self.name, error, extra=extra)
        else:
            message = "%s: the database fails; looking again soon"
            logger.error(message, self.name, exc_info=error, extra=extra)
        self._has_failed = True
