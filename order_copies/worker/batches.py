"""Statistics of one batch: counters, log lines and the ``batch_ran`` signal."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.dispatch import Signal

from order_copies.logs import log_fields, new_trace_id
from order_copies.models import FINAL, OrderFactory, Status
from order_copies.transitions import Ending

#: One line for each copy that ended.
logger = logging.getLogger("order_copies.copies")
#: One line for each batch that claimed copies.
worker_logger = logging.getLogger("order_copies.worker")

#: Sent after each batch that claimed copies, outside any transaction and even if it could not be
#: run to its end, with ``batch``: the :class:`Batch`.
batch_ran = Signal()


@dataclass(slots=True)
class Batch:
    """What one batch did."""

    claimed: int = 0
    #: The number of copies that subscriptions requested just before.
    scheduled: int = 0
    #: The number of copies by their end: a final status, ``to retry``, ``locked`` or ``lost``.
    ends: Counter[str] = field(default_factory=Counter)
    #: The number of copies that failed or were aborted, by the codes of their problems.
    codes: Counter[str] = field(default_factory=Counter)
    #: Names the batch in the log.
    trace_id: str = field(default_factory=new_trace_id)
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    @property
    def ended(self) -> int:
        """The number of copies that ended."""
        return sum(self.ends[status] for status in FINAL)

    def count(self, end: str, number: int = 1) -> None:
        """Count copies that came to this end."""
        if number:
            self.ends[end] += number

    def report(self, endings: Sequence[Ending]) -> None:
        """Count and log how copies ended."""
        for ending in endings:
            status, codes = str(ending.status), sorted({it.code for it in ending.problems})
            self.ends[status] += 1
            if status != Status.COMPLETED:
                self.codes.update(codes)
            if logger.isEnabledFor(logging.INFO):
                ms = round((time.perf_counter() - self.began) * 1000)
                extra = self.log_fields(ending.order_copy, status=status, codes=codes, ms=ms)
                reasons = f" ({', '.join(codes)})" if codes else ""
                logger.info("Copy %s %s%s", ending.order_copy, status, reasons, extra=extra)

    def log_fields(self, order_copy: OrderFactory, **more: Any) -> dict[str, Any]:
        """Return the ``extra`` of a log line about one of its copies."""
        return log_fields(order_copy, trace_id=self.trace_id, **more)

    def finish(self, worker: str) -> None:
        """Log what the worker's batch did, and send ``batch_ran``."""
        self.seconds = time.perf_counter() - self.began
        extra = {
            "claimed": self.claimed,
            "ends": dict(self.ends),
            "codes": dict(self.codes),
            "ms": round(self.seconds * 1000),
            "trace_id": self.trace_id,
            "worker": worker,
        }
        worker_logger.info("%s: %s", worker, self, extra=extra)
        batch_ran.send_robust(Batch, batch=self)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return f"{self.claimed} claimed, {ends or 'none ended'} in {self.seconds:.3f} s"
