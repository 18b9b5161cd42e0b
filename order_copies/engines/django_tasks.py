"""Django's task framework: ``django.tasks``, or the backport ``django-tasks`` on Django 5.2."""

from datetime import datetime

from django.core.checks import CheckMessage, Warning  # noqa: A004

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task  # type: ignore[no-redef]

from order_copies.engines import jobs
from order_copies.engines.base import Engine

#: Why the backends that come with ``django.tasks`` are unsuitable for production.
UNSUITABLE = {
    "ImmediateBackend": "Copies run inside the requests that create them.",
    "DummyBackend": "No worker is woken: the backend of django.tasks runs no tasks.",
}


@task()
def run_copies() -> None:
    """Run copies until none is left to claim.

    A backend does not run a task again whose worker was killed. So another task is first scheduled
    for the time when the leases will have expired.
    """
    jobs.wake_after_lease()
    jobs.run_copies()


class TasksEngine(Engine):
    """Wakes a worker by a task of the default backend, in its default queue."""

    def wake(self, at: datetime | None = None) -> None:
        """Enqueue the task; with ``at``, only if the backend supports ``run_after``."""
        if at is None:
            run_copies.enqueue()
        elif run_copies.get_backend().supports_defer:
            run_copies.using(run_after=at).enqueue()

    def check(self) -> list[CheckMessage]:
        """Return W005 for a backend that is unsuitable for production."""
        message = UNSUITABLE.get(type(run_copies.get_backend()).__name__)
        hint = 'Set TASKS["default"]["BACKEND"], for example to "django_tasks_db.DatabaseBackend".'
        return [Warning(message, hint=hint, id="order_copies.W005")] if message else []
