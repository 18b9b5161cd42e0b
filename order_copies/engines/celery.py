"""Celery: a wake-up is a message of the shop's own Celery app."""

import time
from datetime import datetime
from functools import partial
from threading import Thread
from typing import Any

from celery import shared_task
from celery.app import app_or_default
from celery.signals import worker_ready
from django.core.checks import CheckMessage, Warning  # noqa: A004

from order_copies.conf import settings
from order_copies.engines.base import Engine
from order_copies.engines.jobs import run_copies, wake_for_abandoned
from order_copies.engines.timeouts import Patience

TASK = "order_copies.run_copies"
#: Enough for a connection that the broker has closed; a broker that is down is given up at once.
RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

#: The shop's app, kept: threads other than the first see a nameless default one.
app = app_or_default()
# The message goes when the work is done: if this worker is killed, another one gets it.
shared_task(name=TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True)(run_copies)

_patience = Patience(seconds=0.5)


@worker_ready.connect  # type: ignore[untyped-decorator]
def watch_for_abandoned(**_kwargs: Any) -> None:
    """Look for copies that no message announces, until this worker ends.

    A broker may lose messages, and delivers those of a killed worker late: Redis after an hour.
    """
    Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while True:
        time.sleep(settings.LEASE.total_seconds() / 2)
        wake_for_abandoned()


class CeleryEngine(Engine):
    """A wake-up is the task ``order_copies.run_copies``, routed as the shop routes its own."""

    def wake(self, at: datetime | None = None) -> None:
        """Send the message, with an ``eta``. Raises TimeoutError if the broker does not answer."""
        send = partial(app.tasks[TASK].apply_async, eta=at, retry_policy=RETRY_POLICY)
        if not app.conf.task_always_eager:
            _patience.call(send)
        elif at is None:  # An eager task would not wait for its time.
            send()

    def check(self) -> list[CheckMessage]:
        """W005 where there is no app: messages would go to a broker that nobody chose."""
        if app.main != "default":
            return []
        message = "The engine does not know your Celery app."
        hint = "Import the app in the __init__.py of your project, as Celery's documentation says."
        return [Warning(message, hint=hint, id="order_copies.W005")]
