import gc
import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from order_copies.auditing import PATIENCE, Audit
from order_copies.management.arguments import seconds
from order_copies.management.databases import DatabaseCommand


def _instant(text: str) -> datetime:
    """A date or an instant, in the time zone of the shop unless it names one."""
    try:
        instant = parse_datetime(text)
        day = parse_date(text) if instant is None else None
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if instant is None and day is None:
        message = "it must be a date or an instant, like 2026-11-24 or 2026-11-24T10:00"
        raise ArgumentTypeError(message)
    instant = instant or datetime.combine(day, datetime.min.time())  # type: ignore[arg-type]
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant)


def _patience(text: str) -> timedelta:
    return timedelta(seconds=seconds(text))


class Command(DatabaseCommand):
    """Look for what must never be: copies, orders, stock, coupons and payments that disagree."""

    help = (
        "Looks at all copies and at what came of them, and tells what does not agree. Reads only, "
        "beside running workers too. The exit status is 1 if there is anything to tell."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to look at, and how to tell."""
        parser.add_argument(
            "--final",
            action="store_true",
            help="Every copy must have ended: for when no worker has anything left to do.",
        )
        parser.add_argument(
            "--since",
            type=_instant,
            metavar="INSTANT",
            help="Look only at copies that changed since then, a date or an instant.",
        )
        parser.add_argument(
            "--patience",
            type=_patience,
            default=PATIENCE,
            metavar="SECONDS",
            help="How long a copy may wait for a worker. Default: 900, a quarter of an hour.",
        )
        parser.add_argument(
            "--json", action="store_true", help="Tell each finding as one line of JSON."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell all findings as they come. Raises CommandError if there are any."""
        audit = Audit(**{name: options[name] for name in ("final", "since", "patience")})
        # Rows by the hundred thousand and no cycles: the collector takes a quarter of the time.
        gc.disable()
        try:
            self._report(audit, options)
        finally:
            gc.enable()

    def _report(self, audit: Audit, options: dict[str, Any]) -> None:
        for finding in audit.run():
            self.stdout.write(json.dumps(asdict(finding)) if options["json"] else str(finding))
        if audit.findings:
            message = f"{audit.copies} copies looked at, {audit.findings} findings."
            raise CommandError(message)
        if options["verbosity"] > 0 and not options["json"]:
            self.stdout.write(f"{audit.copies} copies looked at, nothing found.")
