"""System checks of the setting ``ENGINE``."""

import sys

import pytest
from celery import Celery
from django.conf import LazySettings
from django.core.checks import CheckMessage

from order_copies.checks.engine import check_engine
from order_copies.engines import celery
from tests.order_copies.engines.backends import DummyBackend, ImmediateBackend, QueueingBackend
from tests.order_copies.engines.recording_engine import use_engine


def reported(messages: list[CheckMessage]) -> list[tuple[str, str, str]]:
    return [(str(message.id), message.msg, str(message.hint)) for message in messages]


def test_check_engine__project_engine_passes() -> None:
    assert check_engine() == []


@pytest.mark.parametrize(
    ("engine", "complaint"),
    [
        ("", "doesn't look like a module path"),
        ("selery", "doesn't look like a module path"),
        ("nowhere.Engine", "No module named 'nowhere'"),
        ("orders.copying.shop.Engine", 'does not define a "Engine"'),
        (
            "orders.copying.shop.ReferenceShop",
            "is not a subclass of order_copies.engines.base.Engine",
        ),
        ("order_copies.engines.base.Engine", "abstract"),
    ],
)
def test_check_engine__unusable_engine_is_an_error_with_a_hint(
    settings: LazySettings, engine: str, complaint: str
) -> None:
    # given
    use_engine(settings, engine)

    # when
    [(number, message, hint)] = reported(check_engine())

    # then
    assert number == "order_copies.E007"
    assert complaint in message
    assert hint == (
        'Set ORDER_COPIES["ENGINE"] to "polling", "django.tasks", "celery", '
        "or the dotted path of your Engine."
    )


@pytest.mark.parametrize(
    ("engine", "packages", "extra"),
    [
        ("celery", ["celery"], "celery"),
        ("django.tasks", ["django.tasks", "django_tasks"], "tasks"),
    ],
)
def test_check_engine__missing_package_is_an_error_with_the_install_command(
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    packages: list[str],
    extra: str,
) -> None:
    # given
    use_engine(settings, engine)
    monkeypatch.delitem(sys.modules, f"order_copies.engines.{engine.replace('.', '_')}")
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)

    # when
    [(number, _message, hint)] = reported(check_engine())

    # then
    assert number == "order_copies.E007"
    assert hint == f'Type: pip install "django-order-copies[{extra}]"'


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (
            DummyBackend,
            ["No worker is woken: the backend of django.tasks runs no tasks."],
        ),
        (ImmediateBackend, ["Copies run inside the requests that create them."]),
        (QueueingBackend, []),
    ],
    indirect=["backend"],
)
def test_check_engine__development_backend_of_django_tasks_is_a_warning(
    backend: object, expected: list[str]
) -> None:
    found = reported(check_engine())

    assert [(number, message) for number, message, _hint in found] == [
        ("order_copies.W005", message) for message in expected
    ]


@pytest.mark.parametrize(("name", "expected"), [("shop", []), ("default", ["order_copies.W005"])])
def test_check_engine__default_celery_app_is_a_warning(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, name: str, expected: list[str]
) -> None:
    # given
    use_engine(settings, "celery")
    monkeypatch.setattr(celery, "app", Celery(name, set_as_current=False))

    # when, then
    assert [number for number, _message, _hint in reported(check_engine())] == expected
