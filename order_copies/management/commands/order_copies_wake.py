from typing import Any

from django.core.management.base import CommandError

from order_copies.conf import settings
from order_copies.engines.base import get_engine
from order_copies.management.databases import DatabaseCommand


class Command(DatabaseCommand):
    """Wake a worker through the engine. Run it from cron to make up for lost wake-ups."""

    help = "Wakes a worker through the engine. Run it from cron to make up for lost wake-ups."

    def handle(self, *args: Any, **options: Any) -> None:
        """Wake a worker. Raises CommandError if the engine raises."""
        try:
            get_engine().wake()
        except Exception as error:
            message = f'The engine "{settings.ENGINE}" could not wake a worker: {error}'
            raise CommandError(message) from error
        if options["verbosity"] > 1:
            self.stdout.write(f'The engine "{settings.ENGINE}" has sent a wake-up.')
