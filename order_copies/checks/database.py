"""What ``manage.py check`` says about the database that holds the copies."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError, ProgrammingError

from order_copies.checks.settings import impossible_settings
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
    """E003, W001 to W003 and W008. Looks at the settings only, connects to nothing."""
    connection = _connection()
    if connection.vendor not in SUPPORTED_VENDORS:
        return [_unsupported(connection, connection.display_name)]
    complaints = _complaints.get(connection.vendor, lambda _options: iter(()))
    place = f'In DATABASES["{connection.alias}"] set'
    return [
        checks.Warning(message, hint=f"{place} {cure}.", id=f"order_copies.{number}")
        for number, message, cure in complaints(connection.settings_dict["OPTIONS"])
    ]


def check_databases(**_kwargs: Any) -> list[CheckMessage]:
    """E009."""
    try:
        models = [apps.get_model(label) for label in (*OWN_MODELS, settings.ORDER_MODEL)]
    except (ImproperlyConfigured, LookupError, ValueError):
        return []  # E001 and E005 say so.
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
    """E003 for MySQL and for MariaDB before 10.7, E010 and W009: only the server can tell."""
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
    """Warn about copies that no worker can end: W006, W007, W010 and W011.

    Returns nothing while tables are missing, settings are impossible, or the database is not
    among ``databases``.
    """
    connection = _connection()
    if connection.alias not in (databases or ()) or any(impossible_settings()):
        return []
    try:
        # A savepoint keeps the transaction of a caller usable. Of its own it takes none, because
        # SQLite could not begin one to write where the database is read-only.
        savepoint = transaction.atomic(connection.alias)
        with savepoint if connection.in_atomic_block else nullcontext():
            return [
                checks.Warning(said, hint=hint, id=id_) for id_, said, hint in current_complaints()
            ]
    except (OperationalError, ProgrammingError):
        return []


def _check_collation(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@collation_database")
        (collation,) = cursor.fetchone()
    if EXACT_COLLATION.search(collation):
        return []
    message = f"Texts that differ in case or trailing spaces only are equal under {collation}."
    hint = "Create the database with COLLATE utf8mb4_nopad_bin, unless that is what you want."
    return [checks.Warning(message, hint=hint, id="order_copies.W009")]


def _check_conversion(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    """E010: without time zone tables lookups by date find nothing, and date hierarchies fail."""
    zone = django_settings.TIME_ZONE
    if not django_settings.USE_TZ or zone == connection.timezone_name:
        return []
    with connection.cursor() as cursor:
        names = [connection.timezone_name, zone]
        cursor.execute("SELECT CONVERT_TZ('2001-01-01 12:00:00', %s, %s)", names)
        (converted,) = cursor.fetchone()
    if converted is not None:
        return []
    message = f"MariaDB cannot convert instants to {zone}: its time zone tables are not loaded."
    return [Error(message, hint=LOAD_TIME_ZONES, id="order_copies.E010")]


def _complaints_about_sqlite(options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if (options.get("transaction_mode") or "").upper() != "IMMEDIATE":
        message = 'SQLite will fail copies that run at the same time: "database is locked".'
        yield "W001", message, SQLITE_OPTIONS
    if options.get("timeout", SHORTEST_TIMEOUT) < SHORTEST_TIMEOUT:
        yield "W002", "SQLite gives up soon when another process writes.", SQLITE_OPTIONS
    if not WAL.search(options.get("init_command") or ""):
        yield "W003", "SQLite lets nobody read while somebody writes.", SQLITE_OPTIONS


def _complaints_about_mariadb(options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if (options.get("isolation_level", READ_COMMITTED) or "").lower() != READ_COMMITTED:
        message = "MariaDB locks the gaps between rows: copies will wait for each other, or fail."
        yield "W008", message, f'"OPTIONS": {{"isolation_level": "{READ_COMMITTED}"}}'


_complaints = {"sqlite": _complaints_about_sqlite, "mysql": _complaints_about_mariadb}


def _unsupported(connection: BaseDatabaseWrapper, name: str) -> CheckMessage:
    message = f"Order copies do not run on {name}."
    hint = f'Use PostgreSQL, MariaDB or SQLite in DATABASES["{connection.alias}"].'
    return Error(message, hint=hint, id="order_copies.E003")


def _connection() -> BaseDatabaseWrapper:
    """The connection to the database that holds the copies."""
    return connections[router.db_for_write(apps.get_model("order_copies", "OrderFactory"))]
