"""Audit all placed orders, targets of copies or not: authorizations, totals, duplicates."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.models import OrderFactory
from order_copies.shops import Finding
from orders.auditing.facts import WorkerEvent, worker_event
from orders.lifecycle.transitions import HOLDING
from orders.models import Authorization, Order

#: The number of events that one query reads.
CHUNK = 5000


def audit_placed() -> Iterator[Finding]:
    """Report placed orders without an authorization, free or negative by mistake, or doubled."""
    yield from _authorizations()
    yield from _free()
    yield from _negative()
    yield from _doubled()


def _placed() -> "QuerySet[Order]":
    return Order.objects.filter(status__in=HOLDING).order_by("pk")


def _authorizations() -> Iterator[Finding]:
    """Report placed orders without an authorization; copies.py checks the targets of copies."""
    live = Authorization.objects.filter(
        order=OuterRef("pk"), status=Authorization.Status.AUTHORIZED
    )
    targeted = OrderFactory.objects.filter(target_order=OuterRef("pk"))
    unpaid = _placed().filter(
        ~Exists(live),
        ~Exists(targeted),
        payment_status=Order.PaymentStatus.AUTHORIZED,
        total_amount_with_taxes_cents__gt=0,
    )
    message = _(
        "is %(status)s as authorized without a recorded authorization: "
        "compare it with the payment gateway"
    )
    for key, status in unpaid.values_list("pk", "status").iterator():
        yield _finding("authorization_missing", key, message % {"status": status})


def _free() -> Iterator[Finding]:
    """Report free orders whose total is not exactly zero (M4)."""
    free = _placed().filter(payment_status=Order.PaymentStatus.FREE)
    message = _("is placed as free although %(due)s cents are due: correct its totals or cancel it")
    due = free.exclude(total_amount_with_taxes_cents=0)
    for key, cents in due.values_list("pk", "total_amount_with_taxes_cents").iterator():
        yield _finding("free_but_due", key, message % {"due": cents})


def _negative() -> Iterator[Finding]:
    """Report orders that were placed with a negative total (M3).

    An imported order may have one, so only orders with an event of placing are reported.
    """
    below = _placed().filter(total_amount_with_taxes_cents__lt=0)
    totals = dict(below.values_list("pk", "total_amount_with_taxes_cents"))
    placed = Event.objects.filter(
        resource_type="orders", resource_id__in=map(str, totals), name="orders.place"
    )
    message = _("was placed with a total of %(total)s cents, below zero: cancel it")
    for key in sorted({int(order) for order in placed.values_list("resource_id", flat=True)}):
        yield _finding("negative_total", key, message % {"total": totals[key]})


def _doubled() -> Iterator[Finding]:
    """Report orders that a worker wrote and that are the target of no copy.

    The target of a deleted copy is not reported.
    """
    message = _("was created by a worker but is the target of no copy: cancel it if it is doubled")
    created = Event.objects.filter(resource_type="orders", name="orders.create").order_by("pk")
    last = 0
    while rows := list(created.filter(pk__gt=last).values_list("pk", "resource_id")[:CHUNK]):
        last = rows[-1][0]
        for key in _without_copy({int(order): event for event, order in rows}):
            yield _finding("order_doubled", key, message)


def _without_copy(events: dict[int, int]) -> list[int]:
    """Return the orders of ``events`` that are no target although the copy that wrote them exists.

    ``events`` maps the key of an order to the key of the event that created it.
    """
    targeted = OrderFactory.objects.filter(target_order__in=events).order_by()
    missing = events.keys() - set(targeted.values_list("target_order", flat=True))
    if not missing:
        return []
    whos = dict(
        Event.objects.filter(pk__in=[events[key] for key in missing]).values_list("pk", "who")
    )
    created = {key: worker_event(events[key], whos[events[key]]) for key in missing}
    copies = {key: _copy_key(event) for key, event in created.items() if event}
    # A copy without a target is reported as target_unlinked; a deleted one leaves its target.
    existing = OrderFactory.objects.filter(pk__in={key for key in copies.values() if key})
    linked = set(existing.exclude(target_order=None).values_list("pk", flat=True))
    doubled = [key for key, copy in copies.items() if copy is None or copy in linked]
    return sorted(Order.objects.filter(pk__in=doubled).values_list("pk", flat=True))


def _copy_key(event: WorkerEvent) -> int | None:
    return public_ids.decode("order_factories", event.order_copy) if event.order_copy else None


def _finding(code: str, key: int, message: str) -> Finding:
    return Finding(code, "orders", public_ids.encode("orders", key), message)
