from typing import Any

from django.core.management.base import CommandError

from order_copies.conf import settings
from order_copies.engines.base import get_engine
from order_copies.management.databases import DatabaseCommand


class Command(DatabaseCommand):
    """Wake a worker: for cron, against wake-ups that were lost."""

    help = "Wakes a worker through the engine. For cron, against wake-ups that were lost."

    def handle(self, *args: Any, **options: Any) -> None:
        """Wake one. Raises CommandError if that does not work."""
        try:
            get_engine().wake()
        except Exception as error:
            message = f'The engine "{settings.ENGINE}" could not wake a worker: {error}'
            raise CommandError(message) from error
        if options["verbosity"] > 1:
            self.stdout.write(f'The engine "{settings.ENGINE}" wakes a worker.')
