from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from order_copies import copying
from order_copies.exceptions import OrderCopiesError
from order_copies.management.arguments import seconds
from order_copies.management.databases import DatabaseCommand
from order_copies.models import OPTIONS, CopyBatch, OrderCopy, OrderFactory, Status
from order_copies.plans import CopyPlan, Outcome, errors_log
from order_copies.shops import get_shop, unsupported_toggles
from order_copies.templatetags.order_copies_admin import money


class Command(DatabaseCommand):
    """Copy orders from the command line."""

    help = "Copies the given orders, with the same options as the API and the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the orders, one flag per option that the shop can do, and the command's flags.

        An option without its flag is that of the profile, or the default.
        """
        parser.add_argument("orders", nargs="+", help="Ids of the orders to copy.")
        unsupported = unsupported_toggles()
        for name in (name for name in OPTIONS if name not in unsupported):
            field = OrderFactory._meta.get_field(name)
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                action=BooleanOptionalAction,
                help=str(field.help_text),  # type: ignore[union-attr]
            )
        parser.add_argument("--profile", help="The name of a copy profile, for its options.")
        parser.add_argument("--reference", help="Identifier of the copies in another system.")
        parser.add_argument("--reference-origin", help="The system that the reference belongs to.")
        parser.add_argument("--reason", default="", help="Why; it is shown with the copies.")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Show a preview; copy nothing.",
        )
        parser.add_argument(
            "--wait",
            nargs="?",
            type=seconds,
            const=60.0,
            metavar="SECONDS",
            help="Wait until a worker has run the copies. Default: 60 seconds.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Preview the copies, or request them and with ``--wait`` wait for their results.

        Raises CommandError if an order does not exist, or a copy does not complete in time.
        """
        order_copies = [self.order_copy(order_id, options) for order_id in options["orders"]]
        if options["dry_run"]:
            plans = copying.preview_copies(order_copies)
            for order_copy, plan in zip(order_copies, plans, strict=True):
                self.show_plan(order_copy, plan)
            return
        try:
            batch = CopyBatch(reason=options["reason"][:255])
            copying.request_copies(order_copies, actor="copy_order", batch=batch)
        except OrderCopiesError as error:
            raise CommandError(str(error)) from error
        for order_copy in order_copies:
            self.stdout.write(f"{order_copy}: copy of {order_copy.source_order} requested")
        if options["wait"] is not None:
            self.follow(order_copies, options["wait"])

    def order_copy(self, order_id: str, options: dict[str, Any]) -> OrderCopy:
        """Return an unsaved copy of the order. Raises CommandError if there is no such order."""
        shop = get_shop()
        key = shop.find_order(order_id)
        if key is None or not shop.order_model._default_manager.filter(pk=key).exists():
            message = f"There is no order {order_id}: check the id."
            raise CommandError(message)
        names = [*OPTIONS, "profile", "reference", "reference_origin"]
        values = {name: options[name] for name in names if options.get(name) is not None}
        try:
            [order_copy] = copying.unsaved([key], **values)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        return order_copy

    def follow(self, order_copies: list[OrderCopy], timeout: float) -> None:
        """Print each copy as it ends.

        Raises CommandError if a copy does not complete, or has not ended after ``timeout`` seconds.
        """
        completed = 0
        try:
            for order_copy in copying.follow(order_copies, timeout):
                completed += order_copy.status == Status.COMPLETED
                self.show_result(order_copy)
        except TimeoutError as error:
            raise CommandError(str(error)) from None
        if failed := len(order_copies) - completed:
            message = f"{failed} of {len(order_copies)} copies did not complete."
            raise CommandError(message)

    def show_result(self, order_copy: OrderFactory) -> None:
        """Print one line with the result of the copy, and one line per error."""
        target = order_copy.target_order or "no target order"
        self.stdout.write(f"{order_copy}: {order_copy.get_status_display()}, {target}")
        self.show_errors(order_copy.errors_log)

    def show_errors(self, errors: dict[str, list[str]]) -> None:
        """Print one line per error."""
        for attribute, messages in errors.items():
            for message in messages:
                self.stdout.write(f"  {attribute}: {message}")

    def show_plan(self, order_copy: OrderCopy, plan: CopyPlan) -> None:
        """Print the plan as a table, then the totals."""
        end = "would complete" if plan.will_complete else "would fail"
        target = ""
        if plan.will_place:
            target = " and be placed"
        elif plan.place and plan.will_complete:
            target = ", but not be placed"
        source = "; the source would be cancelled" if plan.will_cancel else ""
        self.stdout.write(f"{order_copy.source_order}: the copy {end}{target}{source}.")
        rows = [("action", "line", "quantity", "total", "reason")]
        rows += [_row(outcome, plan.currency_code) for outcome in plan.outcomes]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
            self.stdout.write("  " + "  ".join(cells).rstrip())
        for name, before, after in plan.totals:
            if before or after:
                amounts = (money(cents, plan.currency_code) for cents in (before, after))
                self.stdout.write(f"  {name.removesuffix('_cents')}: {_change(*amounts)}")
        self.show_errors(errors_log(plan.problems))


def _row(outcome: Outcome, currency_code: str) -> tuple[str, str, str, str, str]:
    before, after = outcome.before or {}, outcome.after or {}
    totals = (values.get("total_amount_cents") for values in (before, after))
    amounts = (None if total is None else money(total, currency_code) for total in totals)
    return (
        outcome.action.value,
        outcome.name or outcome.attribute,
        _change(before.get("quantity"), after.get("quantity")),
        _change(*amounts),
        outcome.message,
    )


def _change(before: object, after: object) -> str:
    if before == after:
        return "" if after is None else str(after)
    return f"{'-' if before is None else before} → {'-' if after is None else after}"
