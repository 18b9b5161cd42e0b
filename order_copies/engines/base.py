"""Engines: the means by which a worker is woken to run copies.

A copy is committed as a row before a worker is woken, so a wake-up that is lost, duplicated or late
does no harm. :mod:`order_copies.engines.wake_ups` sends wake-ups,
:mod:`order_copies.engines.jobs` runs copies after one.
"""

from abc import ABC, abstractmethod
from datetime import datetime

from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from order_copies.conf import settings

#: The engines that come with the app, by their name in ``ORDER_COPIES["ENGINE"]``.
ENGINES = {
    "polling": "order_copies.engines.polling.PollingEngine",
    "django.tasks": "order_copies.engines.django_tasks.TasksEngine",
    "celery": "order_copies.engines.celery.CeleryEngine",
}


class Engine(ABC):
    """Base class of engines. Name your own subclass in ``ORDER_COPIES["ENGINE"]``.

    The app creates an instance without arguments for each call.
    """

    @abstractmethod
    def wake(self, at: datetime | None = None) -> None:
        """Make a worker call :func:`order_copies.engines.jobs.run_copies` now, or at ``at``.

        Called after the commit of new copies, in the process that created them: return within
        milliseconds. May raise any exception; the caller logs it. An engine that cannot defer a
        wake-up must ignore calls with ``at``.
        """

    def check(self) -> list[CheckMessage]:
        """Return messages for ``manage.py check``. Must read settings only, and not connect."""
        return []


def get_engine() -> Engine:
    """Return a new instance of the engine that ``ORDER_COPIES["ENGINE"]`` names.

    Raises ImportError if there is no such class, and TypeError if it is not an :class:`Engine`.
    """
    engine = import_string(ENGINES.get(settings.ENGINE, settings.ENGINE))()
    if not isinstance(engine, Engine):
        message = f"{settings.ENGINE} is not a subclass of order_copies.engines.base.Engine."
        raise TypeError(message)
    return engine
