"""Engines that tests listen to."""

from datetime import datetime
from typing import ClassVar

from django.conf import LazySettings

from order_copies.engines.base import Engine


def use(settings: LazySettings, engine: str) -> None:
    """Have workers woken by this engine."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": engine}


class Bell(Engine):
    """Wakes nobody, but remembers for when somebody should have been woken."""

    rung: ClassVar[list[datetime | None]] = []

    def wake(self, at: datetime | None = None) -> None:
        self.rung.append(at)


class BrokenBell(Bell):
    """Cannot wake anybody."""

    def wake(self, at: datetime | None = None) -> None:
        super().wake(at)
        message = "the rope is torn"
        raise ConnectionError(message)
