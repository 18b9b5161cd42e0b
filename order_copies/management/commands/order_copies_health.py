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
    """Say in a line whether copies get done; the exit status is 1 if they do not."""

    help = "Says whether copies get done. The exit status is 0 if all is well, else 1."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--this-host``."""
        parser.add_argument(
            "--this-host",
            action="store_true",
            help="Look at the polling workers of this machine, or container, only: a probe of it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with a line for whatever is wrong.

        A database that does not answer is no fault of the workers of this host: they wait for it,
        and it would not help to start others.
        """
        try:
            queue, wrong = self.look(this_host=options["this_host"])
        except Error as error:
            message = why_unfit(error) or f"The database fails: {error}".splitlines()[0]
            if not options["this_host"]:
                raise CommandError(message) from None
            self.stdout.write(message)
            return
        if wrong:
            raise CommandError("\n".join(wrong))
        self.stdout.write(f"All is well: {queue}.")

    def look(self, *, this_host: bool) -> tuple[Queue, list[str]]:
        """How the queue stands, and what is wrong."""
        now = timezone.now()
        queue = Queue.at(now)
        if this_host:
            return queue, list(complaints_about_host(now))
        wrong = [*complaints(queue), *complaints_about_database(queue)]
        return queue, [f"{complaint.message} {complaint.hint}" for complaint in wrong]
