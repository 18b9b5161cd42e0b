from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from celery import Celery
from django.conf import LazySettings

from order_copies.engines import celery
from tests.order_copies.engines.backends import TASK_BACKENDS
from tests.order_copies.engines.bells import Bell, use


@pytest.fixture
def rung(settings: LazySettings) -> Iterator[list[datetime | None]]:
    """For when the engine has woken somebody; ``None`` is at once."""
    use(settings, f"{Bell.__module__}.Bell")
    yield Bell.rung
    Bell.rung.clear()


@pytest.fixture
def backend(request: pytest.FixtureRequest, settings: LazySettings) -> Iterator[Any]:
    """The default backend of ``django.tasks``, of the class that the test is parametrized with."""
    use(settings, "django.tasks")
    TASK_BACKENDS["default"] = request.param(alias="default", params={})
    yield TASK_BACKENDS["default"]
    del TASK_BACKENDS["default"]


@pytest.fixture
def shops_app(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Celery:
    """The Celery app of a shop, with a broker in memory."""
    use(settings, "celery")
    app = Celery("shop", broker="memory://", set_as_current=False)
    monkeypatch.setattr(celery, "app", app)
    return app
