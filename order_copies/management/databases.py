"""Clear messages of commands for a database that is unreachable or not migrated."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from order_copies.events.models import Event
from order_copies.models import OrderFactory
from order_copies.monitoring.probes import database_of_copies, is_migrated

_apps = {model._meta.app_label for model in (OrderFactory, Event)}


class DatabaseCommand(BaseCommand):
    """A command that fails with one clear line if its database is unreachable or not migrated.

    Any other error of the database is raised unchanged.
    """

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[Any, Any]:
        """Run no checks that connect to a database, as Django 6.1 would before the command."""
        return {**super().get_check_kwargs(options), "databases": []}

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command. Raises CommandError if the database is unreachable or not migrated."""
        try:
            return super().execute(*args, **options)
        except Error as error:
            if message := why_unfit(error):
                raise CommandError(message) from error
            raise


def why_unfit(error: Error) -> str:
    """Return what is wrong with the database and what to do; empty if the database is usable."""
    reason = str(error).partition("\n")[0].rstrip(".")
    try:
        lacks_tables = _lacks_tables()
    except Error:
        hint = f'Check its server, and DATABASES["{database_of_copies().alias}"].'
        return f"The database does not answer: {reason}. {hint}"
    return f"The database is not migrated: {reason}. Run: manage.py migrate" if lacks_tables else ""


def _lacks_tables() -> bool:
    database = database_of_copies()
    if not database.in_atomic_block:
        # The connection itself may be broken: let Django open a new one.
        database.close()
    return not is_migrated(database, _apps)
