"""``django.tasks`` of Django 6, or its backport ``django-tasks`` on Django 5.2."""

from datetime import datetime

from django.core.checks import CheckMessage, Warning  # noqa: A004

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task  # type: ignore[no-redef]

from order_copies.engines import jobs
from order_copies.engines.base import Engine

#: What the backends that come with ``django.tasks`` would do.
UNSUITABLE = {
    "ImmediateBackend": "Copies run inside the requests that ask for them.",
    "DummyBackend": "The engine wakes nobody: the backend of django.tasks runs no tasks.",
}


@task()
def run_copies() -> None:
    """Run the copies that there are.

    The backend forgets a task whose worker was killed, so a later one is scheduled beforehand.
    """
    jobs.wake_after_lease()
    jobs.run_copies()


class TasksEngine(Engine):
    """A wake-up is a task of the default backend, in its default queue."""

    def wake(self, at: datetime | None = None) -> None:
        """Enqueue the task, with ``run_after`` where the backend can defer."""
        if at is None:
            run_copies.enqueue()
        elif run_copies.get_backend().supports_defer:
            run_copies.using(run_after=at).enqueue()

    def check(self) -> list[CheckMessage]:
        """W005 for a backend that is none for production."""
        message = UNSUITABLE.get(type(run_copies.get_backend()).__name__)
        hint = 'Set TASKS["default"]["BACKEND"], for example to "django_tasks_db.DatabaseBackend".'
        return [Warning(message, hint=hint, id="order_copies.W005")] if message else []
