"""Audit the target and source orders of copies against what the copies report."""

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.auditing.states import finding
from order_copies.models import OrderFactory
from order_copies.shops import Finding
from orders.auditing.amounts import audit_amounts
from orders.auditing.contents import audit_contents
from orders.auditing.facts import (
    REINSTATED,
    Facts,
    Head,
    Money,
    reports_cancelled,
    reports_placed,
    target_line_keys,
)
from orders.lifecycle.transitions import HOLDING
from orders.models import Order


def audit_copies(order_copies: Sequence[OrderFactory]) -> Iterator[Finding]:
    """Report inconsistencies of the targets and sources of these copies."""
    facts = Facts.of(order_copies)
    for order_copy in order_copies:
        target = facts.orders.get(order_copy.target_order_id or 0)
        source = facts.orders.get(order_copy.source_order_id or 0)
        if source is not None:
            yield from _source(order_copy, source, facts)
        if target is None:
            yield from _no_target(order_copy, facts)
        else:
            found = list(audit_contents(order_copy, target, source, facts))
            yield from found
            if not any(finding.code == "lines_differ" for finding in found):
                yield from audit_amounts(order_copy, target, source, facts)
            yield from _placing(order_copy, target, facts)
        if target is not None and target.status in HOLDING:
            yield from _holdings(target, facts)
        if source is not None and order_copy.cancel_source_order:
            yield from _cancelling(order_copy, source, facts)


def of_order(order: Head, code: str, message: str) -> Finding:
    """Return a finding about an order."""
    return Finding(code, "orders", order.public_id, message)


def _source(order_copy: OrderFactory, source: Head, facts: Facts) -> Iterator[Finding]:
    order = facts.other_sources.get(order_copy.pk)
    if order is not None:
        message = _("names %(source)s as its source, but copied lines of order %(order)s: check it")
        words = {"source": source.public_id, "order": public_ids.encode("orders", order)}
        yield finding(order_copy, "source_differs", message % words)


def _no_target(order_copy: OrderFactory, facts: Facts) -> Iterator[Finding]:
    keys = target_line_keys(order_copy)
    written = facts.unlinked_targets
    for order in sorted({written[key] for key in keys if key in written}):
        message = _("has no link to its target order %(order)s: set it")
        words = {"order": public_ids.encode("orders", order)}
        yield finding(order_copy, "target_unlinked", message % words)


def _placing(order_copy: OrderFactory, target: Head, facts: Facts) -> Iterator[Finding]:
    placed = len(facts.worker_events.get((target.pk, "orders.place"), ()))
    if not placed and not order_copy.place_target_order:
        return
    words = {"copy": order_copy.public_id}
    is_reinstated = (target.pk, REINSTATED) in facts.worker_events
    if reports_placed(order_copy) and target.placed_at is None and not is_reinstated:
        message = _("is not placed, although copy %(copy)s reports that: place it")
        yield of_order(target, "target_not_placed", message % words)
    if placed and not reports_placed(order_copy):
        message = _("was placed by copy %(copy)s, which does not report it: keep or cancel it")
        yield of_order(target, "target_placed_unasked", message % words)
    if placed > 1:
        message = _("was placed more than once: check its stock, coupon use and authorizations")
        yield of_order(target, "target_placed_twice", message)


def _holdings(target: Head, facts: Facts) -> Iterator[Finding]:
    if names := facts.without_stock.get(target.pk):
        message = _("is %(status)s without the pieces for %(names)s: reserve them, or cancel it")
        words = {"status": target.status, "names": ", ".join(names)}
        yield of_order(target, "stock_not_reserved", message % words)
    if _lacks_its_coupon(target, facts):
        message = _("is %(status)s but is not counted as a use of %(code)s: count it")
        words = {"status": target.status, "code": target.coupon_code}
        yield of_order(target, "coupon_use_missing", message % words)
    yield from _payment(target, facts.money.get(target.pk, Money(0, 0)))


def _payment(target: Head, money: Money) -> Iterator[Finding]:
    due = max(target.total_amount_with_taxes_cents, 0)
    is_refunded = target.payment_status == Order.PaymentStatus.REFUNDED
    if not is_refunded and money != Money(int(due > 0), due):
        message = _(
            "costs %(due)s cents and has %(count)s live authorizations, of %(amount)s cents: "
            "compare it with the payment gateway"
        )
        words = {"due": due, "count": money.live, "amount": money.amount_cents}
        yield of_order(target, "payment_differs", message % words)


def _lacks_its_coupon(target: Head, facts: Facts) -> bool:
    coupon = facts.coupons.get(target.coupon_code.lower())
    if coupon is None or (target.placed_at and coupon.created_at > target.placed_at):
        return False
    return facts.uses.get(target.pk) != coupon.code.lower() and facts.gets_discount(target)


def _cancelling(order_copy: OrderFactory, source: Head, facts: Facts) -> Iterator[Finding]:
    words = {"copy": order_copy.public_id}
    is_reported = reports_cancelled(order_copy)
    if is_reported and order_copy.target_order_id in facts.withdrawn:
        # Nothing replaces the source any more: the undo of the copy has reinstated it.
        return
    if is_reported and source.status != Order.Status.CANCELLED:
        message = _("is not cancelled, although copy %(copy)s reports that: cancel it")
        yield of_order(source, "source_not_cancelled", message % words)
    if is_reported and facts.cancellations[source.pk] > 1:
        message = _("was cancelled by copy %(copy)s and by another copy: cancel one target")
        yield of_order(source, "source_cancelled_twice", message % words)
    events = facts.worker_events.get((source.pk, "orders.cancel"), ())
    if not is_reported and any(event.order_copy == order_copy.public_id for event in events):
        message = _("was cancelled by copy %(copy)s, which does not report it: replace the order")
        yield of_order(source, "source_cancelled_unasked", message % words)
