"""Engines that record wake-ups instead of waking workers."""

from datetime import datetime
from typing import ClassVar

from django.conf import LazySettings

from order_copies.engines.base import Engine


def use_engine(settings: LazySettings, engine: str) -> None:
    """Set ``ORDER_COPIES["ENGINE"]``."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": engine}


class RecordingEngine(Engine):
    """Record the time of each wake-up; ``None`` means at once."""

    wake_ups: ClassVar[list[datetime | None]] = []

    def wake(self, at: datetime | None = None) -> None:
        self.wake_ups.append(at)


class FailingEngine(RecordingEngine):
    """Record the wake-up, then fail as if the broker were down."""

    def wake(self, at: datetime | None = None) -> None:
        super().wake(at)
        message = "the broker is down"
        raise ConnectionError(message)
