"""System checks of settings, shop and database."""

import math
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.checks.registry import registry
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import OperationalError
from django.test import override_settings

from order_copies import checks
from order_copies.checks import database
from order_copies.checks.database import check_databases, check_mariadb
from order_copies.conf import Settings
from order_copies.models import OrderCopy
from order_copies.shops import CopiedModel, Shop
from orders.copying.shop import ReferenceShop
from orders.models import Coupon, Order
from tests.factories import OrderCopyFactory

GOOD_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL;",
}


class UnfinishedShop(Shop):
    """A shop that defines nothing."""


class UndeclaredFieldsShop(ReferenceShop):
    """A shop that declares one field of its coupons, and one that does not exist."""

    copied_models = [CopiedModel(Coupon, copied=("code", "colour"))]


def results_of_checks(
    *, deploy: bool = False, databases: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """Return id and message of each result of the app's registered checks."""
    registered = registry.get_checks(include_deployment_checks=deploy)
    own = [check for check in registered if check.__module__.startswith("order_copies.")]
    messages = [
        message for check in own for message in check(app_configs=None, databases=databases)
    ]
    return [(str(message.id), str(message.msg)) for message in messages]


def ids(*, deploy: bool = False, databases: Sequence[str] | None = None) -> list[str]:
    """Return only the ids of the results."""
    return [id_ for id_, _message in results_of_checks(deploy=deploy, databases=databases)]


@pytest.mark.django_db
def test_check__project_passes():
    # given
    out = StringIO()

    # when
    call_command("check", "--fail-level", "WARNING", stdout=out)

    # then
    assert "no issues" in out.getvalue()


@pytest.mark.parametrize("model", ["", "orders", "orders.Nothing", "nowhere.Order"])
def test_order_model__unknown_model_is_an_error(settings, model):
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORDER_MODEL": model}

    # when, then
    assert "order_copies.E001" in ids()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", 'Set ORDER_COPIES["SHOP"] in your settings'),
        ("orders.nowhere.Shop", "No module named"),
        ("orders.models.Order", "is not a subclass of order_copies.shops.Shop"),
        ("orders.lifecycle.gateways.get_gateway", "is not a subclass of order_copies.shops.Shop"),
        (f"{__name__}.UnfinishedShop", "does not define cancel, orders_for, place, plan, write"),
    ],
)
def test_shop__unusable_class_is_an_error(settings, path, complaint):
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when
    [(id_, message)] = results_of_checks()

    # then
    assert id_ == "order_copies.E002"
    assert complaint in message


def test_copied_models__undeclared_and_unknown_fields_are_errors(settings):
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.UndeclaredFieldsShop"}

    # when
    messages = results_of_checks()

    # then
    assert ("order_copies.E004", "orders.Coupon.usage_limit is not declared.") in messages
    assert (
        "order_copies.E004",
        "orders.Coupon.colour is declared, but orders.Coupon has no such field.",
    ) in messages


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"transaction_mode": "immediate"}, []),
        ({"transaction_mode": "DEFERRED"}, ["order_copies.W001"]),
        ({"transaction_mode": None}, ["order_copies.W001"]),
        ({"timeout": 1}, ["order_copies.W002"]),
        ({"init_command": "PRAGMA journal_mode = 'wal'"}, []),
        ({"init_command": "PRAGMA journal_mode=DELETE"}, ["order_copies.W003"]),
        ({"init_command": None}, ["order_copies.W003"]),
    ],
)
def test_sqlite__unsafe_options_are_warnings(monkeypatch, change, expected):
    # given
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", GOOD_SQLITE | change)

    # when, then
    assert ids() == expected


@pytest.mark.django_db
def test_sqlite__default_options_give_warnings_with_hints(monkeypatch):
    # given
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    err = StringIO()

    # when
    call_command("check", stderr=err)

    # then
    messages = err.getvalue()
    assert "order_copies.W001" in messages
    assert "order_copies.W003" in messages
    assert '"transaction_mode": "IMMEDIATE", "timeout": 20' in messages
    assert "PRAGMA journal_mode=WAL" in messages


def test_postgresql__needs_no_options(monkeypatch):
    # given
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})

    # when, then
    assert ids() == []


def test_database__unsupported_vendor_is_an_error(monkeypatch):
    # given
    monkeypatch.setattr(connection, "vendor", "oracle")
    monkeypatch.setattr(connection, "display_name", "Oracle")

    # when, then
    assert results_of_checks() == [("order_copies.E003", "Order copies do not run on Oracle.")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"isolation_level": "READ COMMITTED"}, []),
        ({"isolation_level": "repeatable read"}, ["order_copies.W008"]),
        ({"isolation_level": None}, ["order_copies.W008"]),
    ],
)
def test_mariadb__isolation_level_with_gap_locks_is_a_warning(monkeypatch, options, expected):
    # given
    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)

    # when, then
    assert ids() == expected


class FakeCursor:
    """A cursor that returns the same row for every query."""

    def __init__(self, *row: Any) -> None:
        self.row = row

    def __enter__(self) -> "FakeCursor":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, _question: str, _parameters: Sequence[Any] = ()) -> None:
        pass

    def fetchone(self) -> tuple[Any, ...]:
        return self.row


@pytest.mark.parametrize(
    ("is_mariadb", "version", "collation", "expected"),
    [
        (True, (10, 11, 19), "utf8mb4_nopad_bin", []),
        (True, (11, 8, 1), "utf8mb4_uca1400_nopad_as_cs", []),
        (True, (10, 11, 19), "utf8mb4_general_ci", ["order_copies.W009"]),
        (True, (10, 11, 19), "utf8mb4_bin", ["order_copies.W009"]),
        (True, (10, 6, 22), "utf8mb4_nopad_bin", ["order_copies.E003"]),
        (False, (8, 4, 0), "utf8mb4_0900_ai_ci", ["order_copies.E003"]),
    ],
)
def test_mariadb__version_and_collation_are_read_from_the_server(
    monkeypatch, is_mariadb, version, collation, expected
):
    # given
    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setattr(connection, "mysql_is_mariadb", is_mariadb, raising=False)
    monkeypatch.setattr(connection, "mysql_version", version, raising=False)
    monkeypatch.setattr(connection, "cursor", lambda: FakeCursor(collation))

    # when, then
    assert [message.id for message in check_mariadb(databases=["default"])] == expected
    assert check_mariadb(databases=None) == []


@pytest.mark.parametrize(
    ("zone", "converted", "expected"),
    [
        ("UTC", None, []),
        ("Europe/Rome", "2001-01-01 13:00:00", []),
        ("Europe/Rome", None, ["order_copies.E010"]),
    ],
)
def test_time_zone_tables__missing_ones_are_an_error_if_needed(
    monkeypatch, settings, zone, converted, expected
):
    # given
    settings.TIME_ZONE = zone
    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setattr(connection, "mysql_is_mariadb", True, raising=False)
    monkeypatch.setattr(connection, "mysql_version", (11, 8, 1), raising=False)
    monkeypatch.setattr(database, "_check_collation", lambda _connection: [])
    monkeypatch.setattr(connection, "cursor", lambda: FakeCursor(converted))

    # when
    found = check_mariadb(databases=["default"])

    # then
    assert [message.id for message in found] == expected
    assert all("mysql_tzinfo_to_sql /usr/share/zoneinfo" in message.hint for message in found)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "mysql", reason="other databases need no tables")
def test_time_zone_tables__check_agrees_with_a_lookup_by_date(settings):
    # given
    settings.TIME_ZONE = "Europe/Rome"
    OrderCopyFactory()

    # when
    [found] = OrderCopy.objects.filter(created_at__date__gte="2001-01-01") or [None]
    messages = [message.id for message in check_mariadb(databases=["default"])]

    # then
    assert messages == ([] if found else ["order_copies.E010"])


def test_use_tz__false_is_an_error_with_a_hint(settings):
    # given
    settings.USE_TZ = False

    # when, then
    assert [(one.id, one.hint) for one in checks.check_time_zones()] == [
        ("order_copies.E008", "Set USE_TZ = True.")
    ]
    assert "order_copies.E008" in ids()


class OrdersElsewhere:
    """Route orders to another database."""

    def db_for_write(self, model: Any, **_hints: Any) -> str | None:
        return "shop" if model is Order else None


class EverythingElsewhere:
    """Route all models to another database."""

    def db_for_write(self, model: Any, **_hints: Any) -> str:
        return "shop"


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        (OrdersElsewhere, ["orders.Order"]),
        (
            EverythingElsewhere,
            ["order_copies.OrderFactory", "order_copies_events.Event", "orders.Order"],
        ),
    ],
)
def test_databases__orders_or_copies_in_another_one_are_an_error_with_a_hint(
    settings, router, expected
):
    # given
    settings.DATABASE_ROUTERS = [f"{__name__}.{router.__name__}"]

    # when
    found = check_databases()

    # then
    assert [(one.id, one.msg) for one in found] == [
        ("order_copies.E009", f'{label} is in the database "shop".') for label in expected
    ]
    assert {"DATABASE_ROUTERS" in one.hint for one in found} == {True}


@pytest.mark.django_db
def test_mariadb__database_of_the_tests_passes():
    assert check_mariadb(databases=["default"]) == []


def test_mariadb__unreachable_server_gives_no_results(monkeypatch):
    # given
    def does_not_answer(_connection: Any) -> bool:
        raise OperationalError

    wrapper = type(connections[connection.alias])
    monkeypatch.setattr(wrapper, "vendor", "mysql")
    monkeypatch.setattr(wrapper, "mysql_is_mariadb", property(does_not_answer), raising=False)

    # when, then
    assert check_mariadb(databases=["default"]) == []


def test_public_id_key__missing_one_is_a_warning_on_deploy(settings):
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
        ("RETRY_PAUSE", -1),
        ("RETRY_PAUSE", 3601),
        ("SHUTDOWN_TIMEOUT", -1),
        ("SHUTDOWN_TIMEOUT", "soon"),
        ("STUCK_AFTER", 0),
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
    "ENGINE": ("E007", set()),
    "IDEMPOTENCY_RETENTION": ("E006", set()),
    "LEASE": ("E006", set()),
    "LOCK_TIMEOUT": ("E006", set()),
    "MAX_ATTEMPTS": ("E006", set()),
    "MAX_WAITERS": ("E006", {"0"}),
    "METRICS_TOKEN": ("E006", {"''"}),
    "MODE": ("E006", set()),
    "ORDER_MODEL": ("E001", set()),
    "ORGANIZATION_ID": ("E006", {"x"}),
    "POLL_INTERVAL": ("E006", set()),
    "PUBLIC_ID_KEY": ("E006", {"x"}),
    "RATE_LIMITS": ("E006", {"None", "{}"}),
    "RETRY_PAUSE": ("E006", {"0"}),
    "SHOP": ("E002", set()),
    "SHUTDOWN_TIMEOUT": ("E006", {"0"}),
    "STUCK_AFTER": ("E006", set()),
    "TOKEN_URL": ("E006", {"''", "x"}),
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


@pytest.mark.parametrize("path", [".", ".x", "..x.Shop"])
def test_shop__malformed_path_is_an_error(settings: LazySettings, path: str) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when, then
    assert ids() == ["order_copies.E002"]
