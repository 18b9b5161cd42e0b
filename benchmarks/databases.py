"""The database of a benchmark: made afresh, and left as if nothing had been."""

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections


def make_database() -> None:
    """A fresh database of its own."""
    if connection.vendor == "postgresql":
        drop_database()
        _administer("CREATE DATABASE {}")
    call_command("migrate", verbosity=0)


def drop_database() -> None:
    """Leave nothing behind."""
    connection.close()
    if connection.vendor == "postgresql":
        _administer("DROP DATABASE IF EXISTS {}")


def analyze() -> None:
    """Let the database know its tables: an unanalysed one plans for empty tables."""
    with connections["default"].cursor() as cursor:
        cursor.execute("ANALYZE")


def _administer(statement: str) -> None:
    """Run a statement about the benchmark's database from outside of it."""
    name = settings.DATABASES["default"]["NAME"]
    with connection._nodb_cursor() as cursor:  # noqa: SLF001
        cursor.execute(statement.format(connection.ops.quote_name(name)))
