"""Engines: how a worker learns that there are copies to run.

A copy is a row before anybody is woken, so an engine is only a wake-up: lost, doubled or late, it
does no harm. :mod:`order_copies.engines.wake_ups` says when one is sent,
:mod:`order_copies.engines.jobs` what it leads to.
"""

from abc import ABC, abstractmethod
from datetime import datetime

from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from order_copies.conf import settings

#: The engines that come with the app, by what ``ORDER_COPIES["ENGINE"]`` calls them.
ENGINES = {
    "polling": "order_copies.engines.polling.PollingEngine",
    "django.tasks": "order_copies.engines.django_tasks.TasksEngine",
    "celery": "order_copies.engines.celery.CeleryEngine",
}


class Engine(ABC):
    """Wakes a worker. Name yours in ``ORDER_COPIES["ENGINE"]``, if none of ours will do."""

    @abstractmethod
    def wake(self, at: datetime | None = None) -> None:
        """Have a worker call :func:`order_copies.engines.jobs.run_copies` soon, or at ``at``.

        Called in the process that asked for copies, when they are committed: return within a
        moment. Raises whatever keeps it from waking anybody. An engine that cannot wake later
        ignores the calls with ``at``.
        """

    def check(self) -> list[CheckMessage]:
        """What ``manage.py check`` is to say. Looks at the settings only, connects to nothing."""
        return []


def get_engine() -> Engine:
    """The engine that ``ORDER_COPIES["ENGINE"]`` names.

    Raises ImportError if it is not there, and TypeError if it is no engine.
    """
    engine = import_string(ENGINES.get(settings.ENGINE, settings.ENGINE))()
    if not isinstance(engine, Engine):
        message = f"{settings.ENGINE} is not a subclass of order_copies.engines.base.Engine."
        raise TypeError(message)
    return engine
