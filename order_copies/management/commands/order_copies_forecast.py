import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet
from django.utils import timezone

from order_copies import public_ids
from order_copies.forecasts import Forecast, Renewal, Result, amounts_of, counts_of, forecast
from order_copies.management.arguments import end
from order_copies.management.databases import DatabaseCommand
from order_copies.models import OrderSubscription
from order_copies.monitoring.health import counted
from order_copies.templatetags.order_copies_admin import money

COLUMNS = (
    *("slot", "order_subscription", "customer_email", "result", "currency_code"),
    *("source_total_cents", "target_total_cents", "codes", "messages", "plan_digest"),
)
#: A spreadsheet takes a cell that begins with one of these for a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Command(DatabaseCommand):
    """Forecast the renewals of subscriptions."""

    help = (
        "Forecasts the renewals of subscriptions: which will complete, change or fail, and why. "
        "Writes nothing. The exit status is 1 if a renewal will fail, else 0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--until``, ``--subscription`` and ``--csv``."""
        parser.add_argument(
            "--until",
            type=end,
            metavar="DATE",
            required=True,
            help="Forecast the renewals until the end of this day, or until this time.",
        )
        parser.add_argument(
            "--subscription",
            action="append",
            default=[],
            metavar="ID",
            help="Only this subscription, by its id or number. May be repeated.",
        )
        parser.add_argument(
            "--csv", action="store_true", help="Print each renewal as a line of CSV."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the renewals by day, or as CSV.

        Raises CommandError if the end is past, a subscription does not exist, or a renewal will
        fail.
        """
        until, now = options["until"], timezone.now()
        if until <= now:
            message = f"The end {until:%Y-%m-%d %H:%M} is past: choose a later one."
            raise CommandError(message)
        rows = self.order_subscriptions(options["subscription"])
        found = forecast(until, now=now, order_subscriptions=rows)
        if options["csv"]:
            self.write_csv(found)
        else:
            self.write_days(found)
        if found.notice:
            self.stderr.write(found.notice)
        if failing := counts_of(found.renewals)[Result.WILL_FAIL]:
            message = f"{failing:,} of {counted(len(found.renewals), 'renewal')} will fail."
            raise CommandError(message)

    def order_subscriptions(self, names: list[str]) -> "QuerySet[OrderSubscription]":
        """Return the named subscriptions, or all. Raises CommandError if there is no such one."""
        rows = OrderSubscription.objects.all()
        return rows.filter(pk__in=[_find(name) for name in names]) if names else rows

    def write_csv(self, found: Forecast) -> None:
        """Print a header and one line for each renewal."""
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_cells, found.renewals))

    def write_days(self, found: Forecast) -> None:
        """Print one line for each day, one for each renewal that needs attention, and the sum."""
        for day in found.days:
            self.stdout.write(f"{day.date:%a %Y-%m-%d}  {_summary(day.renewals)}")
            for renewal in day.renewals:
                if renewal.result != Result.WILL_COMPLETE:
                    self.stdout.write(f"    {_line(renewal)}")
        self.stdout.write(f"Until {found.until:%Y-%m-%d %H:%M}: {_summary(found.renewals)}.")


def _find(name: str) -> Any:
    key = public_ids.decode(OrderSubscription.resource_type, name)
    for values in ({"number": name}, {"pk": key}):
        found = OrderSubscription.objects.filter(**values).values_list("pk", flat=True).first()
        if found is not None:
            return found
    message = f"There is no subscription {name}: check the id or number."
    raise CommandError(message)


def _summary(renewals: list[Renewal]) -> str:
    counts = counts_of(renewals)
    text = (
        f"{counted(len(renewals), 'renewal')}: {counts[Result.WILL_COMPLETE]:,} will complete, "
        f"{counts[Result.AT_RISK]:,} at risk, {counts[Result.WILL_FAIL]:,} will fail"
    )
    sums = [money(cents, currency) for currency, cents in amounts_of(renewals).items()]
    return f"{text}; orders of {' and '.join(sums)}" if sums else text


def _line(renewal: Renewal) -> str:
    words = {Result.AT_RISK: "at risk", Result.WILL_FAIL: "will fail"}[renewal.result]
    messages = "; ".join(f"{one.attribute}: {one.message}" for one in renewal.reasons)
    slot = timezone.localtime(renewal.slot)
    return f"{slot:%H:%M}  {renewal.order_subscription}  {words}: {messages}"


def _cells(renewal: Renewal) -> list[Any]:
    one = renewal.order_subscription
    cells = [
        *(renewal.slot.isoformat(), one.number, one.customer_email, renewal.result.value),
        *(renewal.currency_code, renewal.source_total, renewal.target_total),
        " ".join(dict.fromkeys(reason.code for reason in renewal.reasons)),
        "; ".join(reason.message for reason in renewal.reasons),
        renewal.plan_digest,
    ]
    return [_safe(cell) for cell in cells]


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULAS) else cell
