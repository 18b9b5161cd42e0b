"""What ``manage.py check`` says about order copies."""

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


class ForgetfulShop(ReferenceShop):
    """A shop that declares one field of its coupons, and one that they do not have."""

    copied_models = [CopiedModel(Coupon, copied=("code", "colour"))]


def complaints(
    *, deploy: bool = False, databases: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """The id and message of everything that the app's registered checks say."""
    registered = registry.get_checks(include_deployment_checks=deploy)
    own = [check for check in registered if check.__module__.startswith("order_copies.")]
    messages = [
        message for check in own for message in check(app_configs=None, databases=databases)
    ]
    return [(str(message.id), str(message.msg)) for message in messages]


def ids(*, deploy: bool = False, databases: Sequence[str] | None = None) -> list[str]:
    """The ids alone."""
    return [id_ for id_, _message in complaints(deploy=deploy, databases=databases)]


@pytest.mark.django_db
def test_the_project_gives_no_cause_for_complaint():
    # given the project as it is
    out = StringIO()

    # when
    call_command("check", "--fail-level", "WARNING", stdout=out)

    # then
    assert "no issues" in out.getvalue()


@pytest.mark.parametrize("model", ["", "orders", "orders.Nothing", "nowhere.Order"])
def test_an_order_model_that_is_no_model_is_an_error(settings, model):
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
def test_a_shop_that_is_no_complete_shop_is_an_error(settings, path, complaint):
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when
    [(id_, message)] = complaints()

    # then
    assert id_ == "order_copies.E002"
    assert complaint in message


def test_a_field_that_nobody_declared_is_an_error(settings):
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.ForgetfulShop"}

    # when
    said = complaints()

    # then
    assert ("order_copies.E004", "orders.Coupon.usage_limit is not declared.") in said
    assert (
        "order_copies.E004",
        "orders.Coupon.colour is declared, but orders.Coupon has no such field.",
    ) in said


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
def test_sqlite_that_would_lose_copies_is_warned_of(monkeypatch, change, expected):
    # given
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", GOOD_SQLITE | change)

    # when, then
    assert ids() == expected


@pytest.mark.django_db
def test_sqlite_with_the_settings_of_django_gets_all_warnings_and_the_cure(monkeypatch):
    # given
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    err = StringIO()

    # when
    call_command("check", stderr=err)

    # then
    said = err.getvalue()
    assert "order_copies.W001" in said
    assert "order_copies.W003" in said
    assert '"transaction_mode": "IMMEDIATE", "timeout": 20' in said
    assert "PRAGMA journal_mode=WAL" in said


def test_other_supported_databases_need_no_options(monkeypatch):
    # given
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})

    # when, then
    assert ids() == []


def test_a_database_that_is_not_supported_is_an_error(monkeypatch):
    # given
    monkeypatch.setattr(connection, "vendor", "oracle")
    monkeypatch.setattr(connection, "display_name", "Oracle")

    # when, then
    assert complaints() == [("order_copies.E003", "Order copies do not run on Oracle.")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"isolation_level": "READ COMMITTED"}, []),
        ({"isolation_level": "repeatable read"}, ["order_copies.W008"]),
        ({"isolation_level": None}, ["order_copies.W008"]),
    ],
)
def test_mariadb_that_would_lock_gaps_is_warned_of(monkeypatch, options, expected):
    # given
    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)

    # when, then
    assert ids() == expected


class Answer:
    """A cursor of a server that has one answer to every question."""

    def __init__(self, *row: Any) -> None:
        self.row = row

    def __enter__(self) -> "Answer":
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
def test_mysql_and_what_mariadb_is_told_by_asking_it(
    monkeypatch, is_mariadb, version, collation, expected
):
    # given
    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setattr(connection, "mysql_is_mariadb", is_mariadb, raising=False)
    monkeypatch.setattr(connection, "mysql_version", version, raising=False)
    monkeypatch.setattr(connection, "cursor", lambda: Answer(collation))

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
def test_time_zone_tables__missing_where_they_are_needed_are_an_error(
    monkeypatch, settings, zone, converted, expected
):
    # given
    settings.TIME_ZONE = zone
    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setattr(connection, "mysql_is_mariadb", True, raising=False)
    monkeypatch.setattr(connection, "mysql_version", (11, 8, 1), raising=False)
    monkeypatch.setattr(database, "_check_collation", lambda _connection: [])
    monkeypatch.setattr(connection, "cursor", lambda: Answer(converted))

    # when
    found = check_mariadb(databases=["default"])

    # then
    assert [message.id for message in found] == expected
    assert all("mysql_tzinfo_to_sql /usr/share/zoneinfo" in message.hint for message in found)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "mysql", reason="other databases need no tables")
def test_time_zone_tables__check_says_what_a_lookup_by_date_needs(settings):
    # given
    settings.TIME_ZONE = "Europe/Rome"
    OrderCopyFactory()

    # when
    [found] = OrderCopy.objects.filter(created_at__date__gte="2001-01-01") or [None]
    said = [message.id for message in check_mariadb(databases=["default"])]

    # then
    assert said == ([] if found else ["order_copies.E010"])


def test_use_tz__false_is_an_error_with_a_hint(settings):
    # given
    settings.USE_TZ = False

    # when, then
    assert [(one.id, one.hint) for one in checks.check_time_zones()] == [
        ("order_copies.E008", "Set USE_TZ = True.")
    ]
    assert "order_copies.E008" in ids()


class OrdersElsewhere:
    """Keeps the orders in another database."""

    def db_for_write(self, model: Any, **_hints: Any) -> str | None:
        return "shop" if model is Order else None


class EverythingElsewhere:
    """Keeps all of them in another database than the default one."""

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
def test_the_database_of_the_suite_is_as_it_should_be():
    assert check_mariadb(databases=["default"]) == []


def test_a_mysql_that_does_not_answer_is_no_reason_to_complain(monkeypatch):
    # given
    def does_not_answer(_connection: Any) -> bool:
        raise OperationalError

    wrapper = type(connections[connection.alias])
    monkeypatch.setattr(wrapper, "vendor", "mysql")
    monkeypatch.setattr(wrapper, "mysql_is_mariadb", property(does_not_answer), raising=False)

    # when, then
    assert check_mariadb(databases=["default"]) == []


def test_deploying_without_a_public_id_key_of_its_own_is_warned_of(settings):
    # given
    without = settings.ORDER_COPIES.copy()
    without.pop("PUBLIC_ID_KEY", None)

    # when, then
    settings.ORDER_COPIES = without
    assert ids(deploy=True) == ["order_copies.W004"]
    assert ids() == []
    settings.ORDER_COPIES = without | {"PUBLIC_ID_KEY": "a long random string"}
    assert ids(deploy=True) == []


def test_the_events_app_must_be_installed(settings: LazySettings) -> None:
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
def test_a_setting_that_cannot_be_is_told(settings: LazySettings, name: str, value: object) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {name: value}

    # when
    (message,) = checks.check_settings()

    # then
    assert message.id == "order_copies.E006"
    assert name in message.msg
    assert message.hint


def test_the_settings_of_the_project_are_all_possible() -> None:
    assert checks.check_settings() == []


#: What somebody may set by mistake.
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
#: The error of each setting, and those of the mistakes that it can live with.
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


def test_every_setting_is_tried_with_every_mistake() -> None:
    assert {name for name in vars(Settings) if name.isupper()} == set(TOLERANCE)


@pytest.mark.django_db
@pytest.mark.parametrize("name", TOLERANCE)
def test_whatever_a_setting_is_the_checks_report_it_and_never_raise(
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
def test_a_path_that_is_none_is_reported_too(settings: LazySettings, path: str) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when, then
    assert ids() == ["order_copies.E002"]
