"""System checks of the database that holds the copies."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError, ProgrammingError

from order_copies.checks.conditions import with_order_model
from order_copies.checks.settings import invalid_settings
from order_copies.conf import settings
from order_copies.monitoring.health import current_complaints

SUPPORTED_VENDORS = frozenset({"mysql", "postgresql", "sqlite"})
SHORTEST_TIMEOUT = 5
OLDEST_MARIADB = (10, 7)
READ_COMMITTED = "read committed"
EXACT_COLLATION = re.compile("_nopad_(bin|as_cs)$")
#: The models of the app itself that must be in the database of the orders.
OWN_MODELS = ("order_copies.OrderFactory", "order_copies_events.Event")
LOAD_TIME_ZONES = (
    "On the database server type: mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql "
    '(MariaDB 11: mariadb-tzinfo-to-sql and mariadb), or set TIME_ZONE = "UTC".'
)
WAL = re.compile(r"journal_mode\s*=\s*['\"]?wal\b", re.IGNORECASE)
SQLITE_OPTIONS = (
    '"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, '
    '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}'
)


def check_database_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Return E003, W001 to W003 and W008. Reads the settings only, and does not connect."""
    connection = _connection()
    if connection.vendor not in SUPPORTED_VENDORS:
        return [_unsupported(connection, connection.display_name)]
    complaints = _complaints.get(connection.vendor, lambda _options: iter(()))
    place = f'In DATABASES["{connection.alias}"] set'
    return [
        checks.Warning(message, hint=f"{place} {cure}.", id=f"order_copies.{number}")
        for number, message, cure in complaints(connection.settings_dict["OPTIONS"])
    ]


@with_order_model
def check_databases(**_kwargs: Any) -> list[CheckMessage]:
    """Return E009 for each model that is not in the default database."""
    try:
        models = [apps.get_model(label) for label in (*OWN_MODELS, settings.ORDER_MODEL)]
    except LookupError:
        return []  # E005 reports it.
    hint = (
        f'Let DATABASE_ROUTERS choose "{DEFAULT_DB_ALIAS}" for them: copies, their events and '
        "orders are written in one transaction."
    )
    return [
        Error(
            f'{model._meta.label} is in the database "{alias}".',
            hint=hint,
            obj=model,
            id="order_copies.E009",
        )
        for model in models
        if (alias := router.db_for_write(model)) != DEFAULT_DB_ALIAS
    ]


def check_mariadb(*, databases: Collection[str] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Return E003 for MySQL and old MariaDB, E010 and W009. Queries the server."""
    connection: Any = _connection()
    if connection.vendor != "mysql" or connection.alias not in (databases or ()):
        return []
    try:
        if not connection.mysql_is_mariadb:
            return [_unsupported(connection, "MySQL")]
        if connection.mysql_version < OLDEST_MARIADB:
            return [_unsupported(connection, "a MariaDB older than 10.7")]
        return [*_check_collation(connection), *_check_conversion(connection)]
    except OperationalError:
        return []


def check_queue(*, databases: Collection[str] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Return W006, W007, W010, W011 and W013.

    Returns nothing if tables are missing, settings are invalid, or the database is not among
    ``databases``.
    """
    connection = _connection()
    if connection.alias not in (databases or ()) or any(invalid_settings()):
        return []
    try:
        # A savepoint keeps the transaction of the caller usable after an error. Outside a
        # transaction none is opened: on SQLite it would begin with a write, which a read-only
        # database refuses.
        savepoint = transaction.atomic(connection.alias)
        with savepoint if connection.in_atomic_block else nullcontext():
            return [
                checks.Warning(message, hint=hint, id=id_)
                for id_, message, hint in current_complaints()
            ]
    except (OperationalError, ProgrammingError):
        return []


def _check_collation(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@collation_database")
        (collation,) = cursor.fetchone()
    if EXACT_COLLATION.search(collation):
        return []
    message = f"The collation {collation} ignores case or trailing spaces in comparisons."
    hint = "Create the database with COLLATE utf8mb4_nopad_bin, unless you want that."
    return [checks.Warning(message, hint=hint, id="order_copies.W009")]


def _check_conversion(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    # Without time zone tables lookups by date find nothing, and date hierarchies fail.
    zone = django_settings.TIME_ZONE
    if not django_settings.USE_TZ or zone == connection.timezone_name:
        return []
    with connection.cursor() as cursor:
        names = [connection.timezone_name, zone]
        cursor.execute("SELECT CONVERT_TZ('2001-01-01 12:00:00', %s, %s)", names)
        (converted,) = cursor.fetchone()
    if converted is not None:
        return []
    message = f"MariaDB cannot convert times to {zone}: its time zone tables are not loaded."
    return [Error(message, hint=LOAD_TIME_ZONES, id="order_copies.E010")]


def _complaints_about_sqlite(options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if (options.get("transaction_mode") or "").upper() != "IMMEDIATE":
        message = 'Copies that run at the same time will fail on SQLite: "database is locked".'
        yield "W001", message, SQLITE_OPTIONS
    if options.get("timeout", SHORTEST_TIMEOUT) < SHORTEST_TIMEOUT:
        message = f"SQLite waits less than {SHORTEST_TIMEOUT} seconds while another process writes."
        yield "W002", message, SQLITE_OPTIONS
    if not WAL.search(options.get("init_command") or ""):
        yield "W003", "SQLite blocks readers while a process writes.", SQLITE_OPTIONS


def _complaints_about_mariadb(options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if (options.get("isolation_level", READ_COMMITTED) or "").lower() != READ_COMMITTED:
        message = "MariaDB locks gaps between rows: copies will block each other, or deadlock."
        yield "W008", message, f'"OPTIONS": {{"isolation_level": "{READ_COMMITTED}"}}'


_complaints = {"sqlite": _complaints_about_sqlite, "mysql": _complaints_about_mariadb}


def _unsupported(connection: BaseDatabaseWrapper, name: str) -> CheckMessage:
    message = f"Order copies do not run on {name}."
    hint = f'Use PostgreSQL, MariaDB or SQLite in DATABASES["{connection.alias}"].'
    return Error(message, hint=hint, id="order_copies.E003")


def _connection() -> BaseDatabaseWrapper:
    return connections[router.db_for_write(apps.get_model("order_copies", "OrderFactory"))]
