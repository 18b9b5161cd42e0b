"""Polling: workers look for themselves."""

from datetime import datetime

from order_copies.engines.base import Engine


class PollingEngine(Engine):
    """Wakes nobody: ``manage.py order_copies_worker`` looks every ``POLL_INTERVAL`` seconds."""

    def wake(self, at: datetime | None = None) -> None:
        """Do nothing."""
