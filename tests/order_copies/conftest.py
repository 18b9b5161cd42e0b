from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from celery import Celery
from django.conf import LazySettings

from order_copies.engines import celery
from tests.order_copies.engines.backends import TASK_BACKENDS
from tests.order_copies.engines.recording_engine import RecordingEngine, use_engine


@pytest.fixture
def wake_ups(settings: LazySettings) -> Iterator[list[datetime | None]]:
    """The times of the wake-ups that the engine recorded; ``None`` means at once."""
    use_engine(settings, f"{RecordingEngine.__module__}.RecordingEngine")
    yield RecordingEngine.wake_ups
    RecordingEngine.wake_ups.clear()


@pytest.fixture
def backend(request: pytest.FixtureRequest, settings: LazySettings) -> Iterator[Any]:
    """A default backend of ``django.tasks``; tests parametrize its class."""
    use_engine(settings, "django.tasks")
    TASK_BACKENDS["default"] = request.param(alias="default", params={})
    yield TASK_BACKENDS["default"]
    del TASK_BACKENDS["default"]


@pytest.fixture
def shops_app(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Celery:
    """A shop's Celery app with an in-memory broker."""
    use_engine(settings, "celery")
    app = Celery("shop", broker="memory://", set_as_current=False)
    monkeypatch.setattr(celery, "app", app)
    return app
