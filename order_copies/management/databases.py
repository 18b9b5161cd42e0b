"""What commands say where the database is not fit to be used."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from order_copies.events.models import Event
from order_copies.models import OrderFactory
from order_copies.monitoring.probes import database_of_copies, is_migrated

_apps = {model._meta.app_label for model in (OrderFactory, Event)}


class DatabaseCommand(BaseCommand):
    """A command that says in a line what to do where the database is away or has no tables.

    Whatever else the database raises goes through: it is no matter of operating it.
    """

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[Any, Any]:
        """Connect to nothing: since Django 6.1 checks would do so, before the command has a say."""
        return {**super().get_check_kwargs(options), "databases": []}

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Raises CommandError where the database is not fit."""
        try:
            return super().execute(*args, **options)
        except Error as error:
            if message := why_unfit(error):
                raise CommandError(message) from error
            raise


def why_unfit(error: Error) -> str:
    """What is wrong with the database that raised this, and what to do; nothing if it is fit."""
    told = str(error).partition("\n")[0].rstrip(".")
    try:
        lacks_tables = _lacks_tables()
    except Error:
        hint = f'Is its server up, and DATABASES["{database_of_copies().alias}"] right?'
        return f"The database does not answer: {told}. {hint}"
    return f"The database is not migrated: {told}. Run: manage.py migrate" if lacks_tables else ""


def _lacks_tables() -> bool:
    database = database_of_copies()
    if not database.in_atomic_block:
        # The old connection may be what broke.
        database.close()
    return not is_migrated(database, _apps)
