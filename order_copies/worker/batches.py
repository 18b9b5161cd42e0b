"""What comes of a batch of copies: counted, told in the log and to whoever listens."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.dispatch import Signal

from order_copies.logs import about, new_trace_id
from order_copies.models import FINAL, OrderFactory, Status
from order_copies.plans import Problem

#: One line for each copy that ended.
logger = logging.getLogger("order_copies.copies")

#: Sent after each batch that claimed copies, outside any transaction and even if it could not be
#: run to its end, with ``batch``: the :class:`Batch`.
batch_ran = Signal()


@dataclass(slots=True)
class Batch:
    """What came of one batch."""

    claimed: int = 0
    #: How many copies came to which end: a final status, ``to retry``, ``locked`` or ``lost``.
    ends: Counter[str] = field(default_factory=Counter)
    #: How many copies failed or were aborted, by the codes of their problems.
    codes: Counter[str] = field(default_factory=Counter)
    #: What names it in the log.
    trace_id: str = field(default_factory=new_trace_id)
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    @property
    def ended(self) -> int:
        """How many copies came to a final status."""
        return sum(self.ends[status] for status in FINAL)

    def tell(self, order_copy: OrderFactory, problems: Iterable[Problem]) -> None:
        """Count how the copy ended, and log it."""
        status, codes = str(order_copy.status), sorted({problem.code for problem in problems})
        self.ends[status] += 1
        if status != Status.COMPLETED:
            self.codes.update(codes)
        if logger.isEnabledFor(logging.INFO):
            ms = _milliseconds(time.perf_counter() - self.began)
            extra = self.about(order_copy, status=status, codes=codes, ms=ms)
            reasons = f" ({', '.join(codes)})" if codes else ""
            logger.info("Copy %s %s%s", order_copy, status, reasons, extra=extra)

    def about(self, order_copy: OrderFactory, **more: Any) -> dict[str, Any]:
        """The ``extra`` of a line about one of its copies."""
        return about(order_copy, trace_id=self.trace_id, **more)

    def fields(self) -> dict[str, Any]:
        """The ``extra`` of its own line."""
        return {
            "claimed": self.claimed,
            "ends": dict(self.ends),
            "codes": dict(self.codes),
            "ms": _milliseconds(self.seconds),
            "trace_id": self.trace_id,
        }

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return f"{self.claimed} claimed, {ends or 'none ended'} in {self.seconds:.3f} s"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
