from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import timezone

from order_copies.management.databases import why_unfit
from order_copies.monitoring.health import (
    Queue,
    complaints,
    complaints_about_database,
    complaints_about_host,
)


class Command(BaseCommand):
    """Report the state of the queue and its faults; a probe for monitoring."""

    help = "Reports whether copies are being run. The exit status is 1 if there are faults, else 0."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--this-host``."""
        parser.add_argument(
            "--this-host",
            action="store_true",
            help="Check only the polling workers of this machine or container: a liveness probe.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the state of the queue. Raises CommandError with one line per fault.

        With ``--this-host`` an unreachable database is no fault: the workers wait for it, and
        restarting them would not help.
        """
        try:
            queue, faults = self.check_queue(this_host=options["this_host"])
        except Error as error:
            message = why_unfit(error) or f"The database fails: {error}".splitlines()[0]
            if not options["this_host"]:
                raise CommandError(message) from None
            self.stdout.write(message)
            return
        if faults:
            raise CommandError("\n".join(faults))
        self.stdout.write(f"All is well: {queue}.")

    def check_queue(self, *, this_host: bool) -> tuple[Queue, list[str]]:
        """Return the state of the queue, and one line per fault."""
        now = timezone.now()
        queue = Queue.at(now)
        if this_host:
            return queue, list(complaints_about_host(now))
        faults = [*complaints(queue), *complaints_about_database(queue)]
        return queue, [f"{fault.message} {fault.hint}" for fault in faults]
