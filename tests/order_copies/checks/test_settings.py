"""System checks of the settings and of the installed apps."""

import math
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import override_settings

from order_copies import checks
from order_copies.conf import Settings
from tests.order_copies.checks.results import ids


@pytest.mark.django_db
def test_check__project_passes() -> None:
    # given
    out = StringIO()

    # when
    call_command("check", "--fail-level", "WARNING", stdout=out)

    # then
    assert "no issues" in out.getvalue()


def test_public_id_key__missing_one_is_a_warning_on_deploy(settings: LazySettings) -> None:
    # given
    without = settings.ORDER_COPIES.copy()
    without.pop("PUBLIC_ID_KEY", None)

    # when, then
    settings.ORDER_COPIES = without
    assert ids(deploy=True) == ["order_copies.W004"]
    assert ids() == []
    settings.ORDER_COPIES = without | {"PUBLIC_ID_KEY": "a long random string"}
    assert ids(deploy=True) == []


def test_events_app__missing_one_is_an_error_with_a_hint(settings: LazySettings) -> None:
    # given
    installed = [app for app in settings.INSTALLED_APPS if app != "order_copies.events"]

    # when
    with override_settings(INSTALLED_APPS=installed):
        found = checks.check_events_installed()

    # then
    assert [(message.id, message.hint) for message in found] == [
        (
            "order_copies.E005",
            'Add "order_copies.events" to INSTALLED_APPS, after "order_copies".',
        )
    ]
    assert checks.check_events_installed() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTHENTICATION_CLASSES", "project.authentication.BearerAuthentication"),
        ("AUTHENTICATION_CLASSES", ["nowhere.Nothing"]),
        ("BATCH_SIZE", 0),
        ("AUTHENTICATION_CLASSES", [7]),
        ("BATCH_SIZE", "x"),
        ("CATCH_UP", "sometimes"),
        ("LEASE", 0),
        ("LEASE", "long"),
        ("LEESE", 60),
        ("LOCK_TIMEOUT", 0),
        ("LOCK_TIMEOUT", "long"),
        ("MAX_ATTEMPTS", 0),
        ("MAX_WAITERS", -1),
        ("METRICS_TOKEN", "guess"),
        ("METRICS_TOKEN", 7),
        ("MODE", "prod"),
        ("POLL_INTERVAL", 0),
        ("RATE_LIMITS", []),
        ("RATE_LIMITS", {"otters": {}}),
        ("RATE_LIMITS", {"others": None}),
        ("RATE_LIMITS", {"others": {"sometimes": (1, 1)}}),
        ("RATE_LIMITS", {"others": {"burst": (1,)}}),
        ("RATE_LIMITS", {"others": {"burst": 7}}),
        ("RATE_LIMITS", {"others": {"burst": (0, 1)}}),
        ("RATE_LIMITS", {"others": {"burst": ("a", "b")}}),
        ("RATE_LIMITS", {"others": {"burst": (1, math.inf)}}),
        ("RENEWAL_RETRIES", "86400"),
        ("RENEWAL_RETRIES", [0]),
        ("RENEWAL_RETRIES", ["soon"]),
        ("RENEWAL_RETRIES", [math.nan]),
        ("RENEWAL_RETRIES", [60] * 1001),
        ("RETRY_PAUSE", -1),
        ("RETRY_PAUSE", 3601),
        ("SHUTDOWN_TIMEOUT", -1),
        ("SHUTDOWN_TIMEOUT", "soon"),
        ("STUCK_AFTER", 0),
        ("SUBSCRIPTION_TIME_ZONE", "Europe/Nowhere"),
        ("SUBSCRIPTION_TIME_ZONE", "../Rome"),
    ],
)
def test_settings__invalid_value_is_an_error_with_a_hint(
    settings: LazySettings, name: str, value: object
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {name: value}

    # when
    (message,) = checks.check_settings()

    # then
    assert message.id == "order_copies.E006"
    assert name in message.msg
    assert message.hint


def test_settings__project_settings_pass() -> None:
    assert checks.check_settings() == []


#: Values that a developer may set by mistake, by name.
MISTAKES = {
    "None": None,
    "''": "",
    "x": "x",
    "nan": math.nan,
    "inf": math.inf,
    "1e20": 1e20,
    "-1": -1,
    "0": 0,
    "[]": [],
    "{}": {},
    "object()": object(),
}


#: For each setting: the id of its error, and the mistakes that are valid values of it.
TOLERANCE: dict[str, tuple[str, set[str]]] = {
    "AUTHENTICATION_CLASSES": ("E006", {"None", "[]"}),
    "BATCH_SIZE": ("E006", set()),
    "BATCH_TIME_LIMIT": ("E006", set()),
    "CATCH_UP": ("E006", set()),
    "ENGINE": ("E007", set()),
    "IDEMPOTENCY_RETENTION": ("E006", set()),
    "LEASE": ("E006", set()),
    "LOCK_TIMEOUT": ("E006", set()),
    "MAX_ATTEMPTS": ("E006", set()),
    "MAX_WAITERS": ("E006", {"0"}),
    "METRICS_TOKEN": ("E006", {"''"}),
    "MODE": ("E006", set()),
    "ORDER_MODEL": ("E001", set()),
    "ORDER_SERIALIZER": ("E006", {"''"}),
    "ORGANIZATION_ID": ("E006", {"x"}),
    "POLL_INTERVAL": ("E006", set()),
    "PUBLIC_ID_KEY": ("E006", {"x"}),
    "RATE_LIMITS": ("E006", {"None", "{}"}),
    "RENEWAL_RETRIES": ("E006", {"[]"}),
    "RETRY_PAUSE": ("E006", {"0"}),
    "SHOP": ("E002", set()),
    "SHUTDOWN_TIMEOUT": ("E006", {"0"}),
    "STUCK_AFTER": ("E006", set()),
    "SUBSCRIPTION_TIME_ZONE": ("E006", set()),
    "TOKEN_URL": ("E006", {"''", "x"}),
    "UNDO_WINDOW": ("E006", {"0"}),
}


def test_settings__table_of_mistakes_covers_every_setting() -> None:
    assert {name for name in vars(Settings) if name.isupper()} == set(TOLERANCE)


@pytest.mark.django_db
@pytest.mark.parametrize("name", TOLERANCE)
def test_settings__checks_report_every_mistake_and_never_raise(
    settings: LazySettings, name: str
) -> None:
    # given
    right, (error, tolerated) = settings.ORDER_COPIES, TOLERANCE[name]
    found = {}

    # when
    for mistake, value in MISTAKES.items():
        settings.ORDER_COPIES = right | {name: value}
        found[mistake] = ids(deploy=True, databases=["default"])

    # then
    expected = {
        mistake: [] if mistake in tolerated else [f"order_copies.{error}"] for mistake in MISTAKES
    }
    assert found == expected
