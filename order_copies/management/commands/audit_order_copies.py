import gc
import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError

from order_copies.auditing import PATIENCE, Audit
from order_copies.management.arguments import instant, seconds
from order_copies.management.databases import DatabaseCommand
from order_copies.monitoring.health import counted


def _patience(text: str) -> timedelta:
    return timedelta(seconds=seconds(text))


class Command(DatabaseCommand):
    """Audit copies, orders, stock, coupons and payments for inconsistencies."""

    help = (
        "Audits copies, their orders and payments, and subscriptions for inconsistencies. Only "
        "reads, so it may run while workers run. The exit status is 1 if there are findings, else "
        "0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--final``, ``--since``, ``--patience`` and ``--json``."""
        parser.add_argument(
            "--final",
            action="store_true",
            help="Report every copy that has not ended. Use it after the workers have drained.",
        )
        parser.add_argument(
            "--since",
            type=instant,
            metavar="TIME",
            help="Audit only copies that have changed since this date or time.",
        )
        parser.add_argument(
            "--patience",
            type=_patience,
            default=PATIENCE,
            metavar="SECONDS",
            help="How long a copy may wait for a worker. Default: 900, a quarter of an hour.",
        )
        parser.add_argument(
            "--json", action="store_true", help="Print each finding as one line of JSON."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings one by one. Raises CommandError if there are any."""
        audit = Audit(**{name: options[name] for name in ("final", "since", "patience")})
        # Measured: with hundreds of thousands of rows and no reference cycles the garbage collector
        # takes a quarter of the time.
        gc.disable()
        try:
            self._report(audit, options)
        finally:
            gc.enable()

    def _report(self, audit: Audit, options: dict[str, Any]) -> None:
        for finding in audit.run():
            self.stdout.write(json.dumps(asdict(finding)) if options["json"] else str(finding))
        audited = counted(audit.copies, "copy", "copies")
        if audit.order_subscriptions:
            audited += f" and {counted(audit.order_subscriptions, 'subscription')}"
        audited += " audited"
        if audit.findings:
            message = f"{audited}, {counted(audit.findings, 'finding')}."
            raise CommandError(message)
        if options["verbosity"] > 0 and not options["json"]:
            self.stdout.write(f"{audited}, no findings.")
