"""System checks of the databases."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import OperationalError

from order_copies import checks
from order_copies.checks import database
from order_copies.checks.database import check_databases, check_mariadb
from order_copies.models import OrderCopy
from orders.models import Order
from tests.factories import OrderCopyFactory
from tests.order_copies.checks.results import ids, results_of_checks

GOOD_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL;",
}


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
def test_sqlite__unsafe_options_are_warnings(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: list[str]
) -> None:
    # given
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", GOOD_SQLITE | change)

    # when, then
    assert ids() == expected


@pytest.mark.django_db
def test_sqlite__default_options_give_warnings_with_hints(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_postgresql__needs_no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})

    # when, then
    assert ids() == []


def test_database__unsupported_vendor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_mariadb__isolation_level_with_gap_locks_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: list[str]
) -> None:
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
    monkeypatch: pytest.MonkeyPatch,
    is_mariadb: bool,
    version: tuple[int, ...],
    collation: str,
    expected: list[str],
) -> None:
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
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    zone: str,
    converted: str | None,
    expected: list[str],
) -> None:
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
def test_time_zone_tables__check_agrees_with_a_lookup_by_date(settings: LazySettings) -> None:
    # given
    settings.TIME_ZONE = "Europe/Rome"
    OrderCopyFactory()

    # when
    [found] = OrderCopy.objects.filter(created_at__date__gte="2001-01-01") or [None]
    messages = [message.id for message in check_mariadb(databases=["default"])]

    # then
    assert messages == ([] if found else ["order_copies.E010"])


def test_use_tz__false_is_an_error_with_a_hint(settings: LazySettings) -> None:
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
    settings: LazySettings, router: type, expected: list[str]
) -> None:
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
def test_mariadb__database_of_the_tests_passes() -> None:
    assert check_mariadb(databases=["default"]) == []


def test_mariadb__unreachable_server_gives_no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    def does_not_answer(_connection: Any) -> bool:
        raise OperationalError

    wrapper = type(connections[connection.alias])
    monkeypatch.setattr(wrapper, "vendor", "mysql")
    monkeypatch.setattr(wrapper, "mysql_is_mariadb", property(does_not_answer), raising=False)

    # when, then
    assert check_mariadb(databases=["default"]) == []
