"""Whether the orders of copies are what the copies say that they are."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.auditing.states import finding
from order_copies.findings import Finding
from order_copies.models import OrderFactory
from order_copies.plans import Action
from orders.auditing.cancelling import did_cancel
from orders.auditing.facts import (
    HOLDING,
    Facts,
    Line,
    Money,
    lines_written,
    says_cancelled,
    says_placed,
)
from orders.models import Order
from orders.totals import TOTALS, order_totals

#: What may stay behind of an order, and says so in the outcomes.
BELONGINGS = {"coupon_code": "", "payment_source_id": None}


def audit_copies(order_copies: Sequence[OrderFactory]) -> Iterator[Finding]:
    """What is wrong with the targets and sources of these copies."""
    facts = Facts.of(order_copies)
    for order_copy in order_copies:
        target = facts.orders.get(order_copy.target_order_id or 0)
        source = facts.orders.get(order_copy.source_order_id or 0)
        if target is None:
            yield from _no_target(order_copy, facts)
        else:
            yield from _contents(order_copy, target, source, facts)
            yield from _placing(order_copy, target, facts)
        if target is not None and target.status in HOLDING:
            yield from _holdings(target, facts)
        if source is not None and order_copy.cancel_source_order:
            yield from _cancelling(order_copy, source, facts)


def of_order(order: Order, code: str, message: str) -> Finding:
    """Something that is wrong with this order."""
    return Finding(code, "orders", order.public_id, message)


def _no_target(order_copy: OrderFactory, facts: Facts) -> Iterator[Finding]:
    keys = lines_written(order_copy)
    for order in sorted({facts.strays[key] for key in keys if key in facts.strays}):
        message = _("does not know its target order %(order)s any more: tell it")
        words = {"order": public_ids.encode("orders", order)}
        yield finding(order_copy, "target_unlinked", message % words)


def _contents(
    order_copy: OrderFactory, target: Order, source: Order | None, facts: Facts
) -> Iterator[Finding]:
    lines = facts.lines[target.pk]
    if _planned_lines(order_copy) != [_shown(line) for line in lines]:
        message = _("has other lines than copy %(copy)s planned: compare it with its outcomes")
        yield of_order(target, "lines_differ", message % {"copy": order_copy.public_id})
    if not _adds_up(order_copy, target, source, lines):
        message = _("has totals that its lines do not add up to: set them right")
        yield of_order(target, "totals_differ", message)
    if source and _is_as_left(target, order_copy) and _is_as_left(source, order_copy):
        yield from _belongings(order_copy, target, source)


def _belongings(order_copy: OrderFactory, target: Order, source: Order) -> Iterator[Finding]:
    for name, nothing in BELONGINGS.items():
        is_left = name.removesuffix("_id") in _left_behind(order_copy)
        if getattr(target, name) != (nothing if is_left else getattr(source, name)):
            message = _("has another %(what)s than copy %(copy)s planned: see its outcomes")
            words = {"what": name.removesuffix("_id"), "copy": order_copy.public_id}
            yield of_order(target, "belongings_differ", message % words)


def _is_as_left(order: Order, order_copy: OrderFactory) -> bool:
    """Whether nobody has changed the order since the copy ended: people choose other cards."""
    ended_at = order_copy.completed_at or order_copy.failed_at
    return ended_at is not None and order.updated_at <= ended_at


def _line_outcomes(order_copy: OrderFactory) -> list[dict[str, Any]]:
    return [one for one in order_copy.outcomes if one["attribute"] == "line_items"]


def _left_behind(order_copy: OrderFactory) -> set[str]:
    return {one["attribute"] for one in order_copy.outcomes}


def _planned_lines(order_copy: OrderFactory) -> list[tuple[str | None, dict[str, Any]]]:
    outcomes = _line_outcomes(order_copy)
    written = (one for one in outcomes if one["action"] != Action.SKIPPED)
    return [(one["target_line_item"], one["after"]) for one in written]


def _shown(line: Line) -> tuple[str, dict[str, Any]]:
    values = line._asdict()
    key = values.pop("id")
    del values["tax_amount_cents"]
    return public_ids.encode("line_items", key), values


def _adds_up(
    order_copy: OrderFactory, target: Order, source: Order | None, lines: Sequence[Line]
) -> bool:
    """Whether the totals are those of the lines, or are frozen as they were in the source."""
    totals = {name: getattr(target, name) for name in TOTALS}
    amounts = [(one.item_type, one.total_amount_cents, one.tax_amount_cents) for one in lines]
    if totals == order_totals(amounts, tax_included=target.tax_included):
        return True
    if any(one["action"] != Action.COPIED for one in _line_outcomes(order_copy)):
        return False
    return source is None or totals == _without_gift_card(source)


def _without_gift_card(source: Order) -> dict[str, int]:
    totals = {name: getattr(source, name) for name in TOTALS}
    totals["total_amount_with_taxes_cents"] -= totals["gift_card_amount_cents"]
    return totals | {"gift_card_amount_cents": 0}


def _placing(order_copy: OrderFactory, target: Order, facts: Facts) -> Iterator[Finding]:
    placed = len(facts.deeds[target.pk, "orders.place"])
    words = {"copy": order_copy.public_id}
    if says_placed(order_copy) and target.placed_at is None:
        message = _("was never placed, although copy %(copy)s says so: place it")
        yield of_order(target, "target_not_placed", message % words)
    if placed and not says_placed(order_copy):
        message = _("was placed by copy %(copy)s, which does not say so: see if it is wanted")
        yield of_order(target, "target_placed_unasked", message % words)
    if placed > 1:
        message = _("was placed more than once: see what it holds twice")
        yield of_order(target, "target_placed_twice", message)


def _holdings(target: Order, facts: Facts) -> Iterator[Finding]:
    if names := facts.without_stock.get(target.pk):
        message = _("is %(status)s without the pieces for %(names)s: reserve them, or cancel it")
        words = {"status": target.status, "names": ", ".join(names)}
        yield of_order(target, "stock_not_reserved", message % words)
    if _lacks_its_coupon(target, facts):
        message = _("is %(status)s and does not count as a use of %(code)s: count it")
        words = {"status": target.status, "code": target.coupon_code}
        yield of_order(target, "coupon_use_missing", message % words)
    yield from _payment(target, facts.money.get(target.pk, Money(0, 0)))


def _payment(target: Order, money: Money) -> Iterator[Finding]:
    due = max(target.total_amount_with_taxes_cents, 0)
    is_refunded = target.payment_status == Order.PaymentStatus.REFUNDED
    if not is_refunded and money != Money(int(due > 0), due):
        message = _(
            "costs %(due)s cents and has %(count)s live authorizations, of %(amount)s cents: "
            "ask the payment gateway what it holds"
        )
        words = {"due": due, "count": money.live, "amount": money.amount_cents}
        yield of_order(target, "payment_differs", message % words)


def _lacks_its_coupon(target: Order, facts: Facts) -> bool:
    coupon = facts.coupons.get(target.coupon_code)
    if coupon is None or (target.placed_at and coupon.created_at > target.placed_at):
        return False
    return facts.uses.get(target.pk) != coupon.code


def _cancelling(order_copy: OrderFactory, source: Order, facts: Facts) -> Iterator[Finding]:
    words = {"copy": order_copy.public_id}
    says_so = says_cancelled(order_copy)
    if says_so and source.status != Order.Status.CANCELLED:
        message = _("is not cancelled, although copy %(copy)s says so: cancel it")
        yield of_order(source, "source_not_cancelled", message % words)
    if says_so and facts.cancellers[source.pk] > 1:
        message = _("was cancelled by copy %(copy)s and by another one: one target is too many")
        yield of_order(source, "source_cancelled_twice", message % words)
    if not facts.cancellers[source.pk] and did_cancel(order_copy, facts):
        message = _("was cancelled by copy %(copy)s, which does not say so: nothing replaces it")
        yield of_order(source, "source_cancelled_unasked", message % words)
