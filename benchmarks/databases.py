"""Create and drop the database of a benchmark."""

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections


def make_database() -> None:
    """Create an empty, migrated database; an existing one is dropped."""
    if connection.vendor == "postgresql":
        drop_database()
        _administer("CREATE DATABASE {}")
    call_command("migrate", verbosity=0)


def drop_database() -> None:
    """Drop the database. The file of SQLite is deleted with its folder."""
    connection.close()
    if connection.vendor == "postgresql":
        _administer("DROP DATABASE IF EXISTS {}")


def analyze() -> None:
    """Update the statistics; without them the planner assumes empty tables."""
    with connections["default"].cursor() as cursor:
        cursor.execute("ANALYZE")


def _administer(statement: str) -> None:
    """Run a statement about the benchmark's database on another connection."""
    name = settings.DATABASES["default"]["NAME"]
    with connection._nodb_cursor() as cursor:  # noqa: SLF001
        cursor.execute(statement.format(connection.ops.quote_name(name)))
