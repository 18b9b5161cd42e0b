"""Backends of ``django.tasks``, from Django itself or from the package django-tasks."""

from importlib import import_module

from order_copies.engines import django_tasks

PACKAGE = django_tasks.task.__module__.rpartition(".")[0]
TASK_BACKENDS = import_module(PACKAGE).task_backends
DummyBackend = import_module(f"{PACKAGE}.backends.dummy").DummyBackend
ImmediateBackend = import_module(f"{PACKAGE}.backends.immediate").ImmediateBackend


class QueueingBackend(DummyBackend):
    """A backend that the checks accept for production."""
