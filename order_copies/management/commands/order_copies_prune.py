import logging
from argparse import ArgumentParser
from collections import Counter
from datetime import timedelta
from typing import Any

from django.utils import timezone

from order_copies.management.arguments import positive
from order_copies.management.databases import DatabaseCommand
from order_copies.monitoring.health import counted
from order_copies.monitoring.pruning import prune

logger = logging.getLogger("order_copies.monitoring.pruning")


class Command(DatabaseCommand):
    """Delete copies that ended long ago, old events and drafts, and expired idempotency keys."""

    help = (
        "Deletes copies that ended more than DAYS days ago, old events, old drafts of batches, and "
        "expired idempotency keys. Orders stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--older-than``, ``--dry-run`` and ``--batch-size``."""
        parser.add_argument(
            "--older-than",
            type=positive,
            metavar="DAYS",
            required=True,
            help="Keep copies and events of the last DAYS days.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Count the rows to delete; delete nothing."
        )
        parser.add_argument(
            "--batch-size",
            type=positive,
            default=1000,
            help="Number of rows to delete in one transaction. Default: 1000.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete in steps, printing the numbers so far, and log the result."""
        before = timezone.now() - timedelta(days=options["older_than"])
        removed: Counter[str] = Counter(copies=0, events=0, drafts=0, requests=0)
        for step in prune(before, limit=options["batch_size"], dry_run=options["dry_run"]):
            removed.update(step)
            if options["verbosity"] > 0:
                self.stdout.write(_line(removed), ending="\r" if self.stdout.isatty() else "\n")
                self.stdout.flush()
        verb = "Would remove" if options["dry_run"] else "Removed"
        message = f"{verb} {_line(removed)} from before {before:%Y-%m-%d %H:%M} UTC."
        self.stdout.write(message)
        if not options["dry_run"]:
            logger.info(message, extra={"removed": dict(removed), "before": before.isoformat()})


def _line(removed: Counter[str]) -> str:
    copies = counted(removed["copies"], "copy", "copies")
    events = counted(removed["events"], "event")
    drafts = counted(removed["drafts"], "draft")
    return f"{copies}, {events}, {drafts}, {counted(removed['requests'], 'answered request')}"
