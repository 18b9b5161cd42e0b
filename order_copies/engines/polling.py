"""Polling: workers query the database at an interval, and need no wake-up."""

from datetime import datetime

from order_copies.engines.base import Engine


class PollingEngine(Engine):
    """Sends no wake-ups: ``manage.py order_copies_worker`` polls every POLL_INTERVAL seconds."""

    def wake(self, at: datetime | None = None) -> None:
        """Do nothing: a worker finds the copies when it polls next."""
