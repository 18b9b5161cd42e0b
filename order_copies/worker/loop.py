"""The polling worker: drains the rows, waits when there are none, stops when told to."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.db import Error, close_old_connections, connection, reset_queries
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.retry import is_transient, steadily
from order_copies.models import OrderFactory, Status
from order_copies.worker import heartbeats
from order_copies.worker.batches import Batch
from order_copies.worker.leases import release
from order_copies.worker.run import run_batch

#: For how long trouble with the database may keep a worker from handing its copies back.
HAND_BACK_PATIENCE = timedelta(seconds=2)

logger = logging.getLogger("order_copies.worker")


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
        self.name = heartbeats.new_name()
        self._batch_size = batch_size
        self._interval = settings.POLL_INTERVAL if interval is None else interval
        self._on_batch = on_batch
        self._stopping = threading.Event()
        self._next_beat = 0.0

    def stop(self) -> None:
        """Finish the batch at hand and return. Safe to call from whatever thread."""
        self._stopping.set()

    def run(self, *, drain: bool = False) -> None:
        """Run batches until stopped; with ``drain``, until there is nothing left to do.

        Copies in progress count: those that crashed are tried again, those of other workers are
        waited for, until they end or their lease runs out.
        """
        try:
            self._run(drain=drain)
        finally:
            with suppress(Error):
                heartbeats.end(self.name)

    def hand_back(self) -> int:
        """Let other workers have the copies that this one holds, now; return how many.

        This attempt may go on all the same, until another one begins.
        """
        held = OrderFactory.objects.all()
        count = steadily(
            lambda: release(held.running(timezone.now()), self.name), patience=HAND_BACK_PATIENCE
        )
        logger.warning("%s hands back %s copies", self.name, count, extra={"worker": self.name})
        return count

    def _run(self, *, drain: bool) -> None:
        while not self._stopping.is_set():
            batch = self._run_batch(drain=drain)
            if batch.claimed:
                self._on_batch(batch)
            elif drain and not self._left_for_later():
                return
            else:
                self._wait()

    def _wait(self) -> None:
        """Until it is time for another look, or to stop; with signs of life meanwhile."""
        next_look = time.monotonic() + self._interval
        while (left := next_look - time.monotonic()) > 0:
            if self._stopping.wait(min(left, heartbeats.INTERVAL)):
                return
            try:
                self._beat()
            except Error:  # The next look tells.
                connection.close()

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            leave_sign = heartbeats.beat if self._next_beat else heartbeats.begin
            leave_sign(self.name)
            self._next_beat = time.monotonic() + heartbeats.INTERVAL

    def _left_for_later(self) -> bool:
        """Whether copies wait to be tried again, or for a worker that lives or died."""
        return OrderFactory.objects.filter(status=Status.IN_PROGRESS).exists()

    def _run_batch(self, *, drain: bool) -> Batch:
        if not connection.in_atomic_block:
            close_old_connections()
        reset_queries()
        try:
            self._beat()
            return run_batch(self.name, limit=self._batch_size)
        except Error as error:
            if drain or not is_transient(error):
                raise
            message = "%s: trouble with the database; looking again soon"
            logger.exception(message, self.name, extra={"worker": self.name})
            connection.close()
            with suppress(Error):
                # The database was in trouble, not the copies: the attempt does not count.
                release(OrderFactory.objects.all(), self.name)
            return Batch()
