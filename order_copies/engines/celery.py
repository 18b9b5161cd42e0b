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
from order_copies.engines.timeouts import TimeLimit

TASK = "order_copies.run_copies"
#: One retry replaces a connection that the broker has closed; a broker that is down fails at once.
RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

#: The shop's app, looked up in the main thread: other threads get Celery's default app.
app = app_or_default()
# The message is acknowledged after the work: if this worker is killed, another one gets it.
shared_task(name=TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True)(run_copies)

_time_limit = TimeLimit(seconds=0.5)


@worker_ready.connect  # type: ignore[untyped-decorator]
def watch_for_abandoned(**_kwargs: Any) -> None:
    """Start a thread that looks for copies without a message, twice per lease, in this worker.

    A broker may lose messages, and redelivers those of a killed worker late: Redis after an hour.
    """
    Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while True:
        time.sleep(settings.LEASE.total_seconds() / 2)
        wake_for_abandoned()


class CeleryEngine(Engine):
    """Wakes a worker by the task ``order_copies.run_copies``, with the shop's routing of tasks."""

    def wake(self, at: datetime | None = None) -> None:
        """Send the task, with ``at`` as its ``eta``.

        Raises TimeoutError if the broker does not answer within half a second.
        """
        send = partial(app.tasks[TASK].apply_async, eta=at, retry_policy=RETRY_POLICY)
        if not app.conf.task_always_eager:
            _time_limit.call(send)
        elif at is None:  # An eager task would ignore its eta and run now.
            send()

    def check(self) -> list[CheckMessage]:
        """Return W005 if the shop has no Celery app: messages would go to the default broker."""
        if app.main != "default":
            return []
        message = "The engine does not know your Celery app."
        hint = "Import the app in the __init__.py of your project, as Celery's documentation says."
        return [Warning(message, hint=hint, id="order_copies.W005")]
