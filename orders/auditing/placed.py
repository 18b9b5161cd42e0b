"""Whether placed orders, targets of copies or not, are what placing leaves."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.models import OrderFactory
from order_copies.shops import Finding
from orders.auditing.facts import Deed, deed_of
from orders.lifecycle.transitions import HOLDING
from orders.models import Authorization, Order

#: How many events are read together.
CHUNK = 5000


def audit_placed() -> Iterator[Finding]:
    """Report placed orders without their money or free by mistake, and doubled orders."""
    yield from _authorizations()
    yield from _free()
    yield from _negative()
    yield from _doubled()


def _placed() -> "QuerySet[Order]":
    return Order.objects.filter(status__in=HOLDING).order_by("pk")


def _authorizations() -> Iterator[Finding]:
    """Targets of copies are compared with their copies; here are all others."""
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
    message = _("is %(status)s as authorized, and no authorization is recorded: look it up")
    for key, status in unpaid.values_list("pk", "status").iterator():
        yield _finding("authorization_missing", key, message % {"status": status})


def _free() -> Iterator[Finding]:
    """Free means that exactly nothing is due (M4)."""
    free = _placed().filter(payment_status=Order.PaymentStatus.FREE)
    message = _("is placed as free although %(due)s cents are due: set its totals right, or cancel")
    due = free.exclude(total_amount_with_taxes_cents=0)
    for key, cents in due.values_list("pk", "total_amount_with_taxes_cents").iterator():
        yield _finding("free_but_due", key, message % {"due": cents})


def _negative() -> Iterator[Finding]:
    """An order below zero is never placed (M3); imported ones may be, so only events count."""
    below = _placed().filter(total_amount_with_taxes_cents__lt=0)
    totals = dict(below.values_list("pk", "total_amount_with_taxes_cents"))
    placed = Event.objects.filter(
        resource_type="orders", resource_id__in=map(str, totals), name="orders.place"
    )
    message = _("was placed with a total of %(total)s cents, below zero: cancel it")
    for key in sorted({int(order) for order in placed.values_list("resource_id", flat=True)}):
        yield _finding("negative_total", key, message % {"total": totals[key]})


def _doubled() -> Iterator[Finding]:
    """Orders that a worker wrote and that are the target of no copy, unless it was deleted."""
    message = _("was created by a worker, but is the target of no copy: cancel it if it is doubled")
    created = Event.objects.filter(resource_type="orders", name="orders.create").order_by("pk")
    last = 0
    while rows := list(created.filter(pk__gt=last).values_list("pk", "resource_id")[:CHUNK]):
        last = rows[-1][0]
        for key in _without_copy({int(order): event for event, order in rows}):
            yield _finding("order_doubled", key, message)


def _without_copy(events: dict[int, int]) -> list[int]:
    """The orders, with their events, that lack the copy that wrote them although it is there."""
    targeted = OrderFactory.objects.filter(target_order__in=events).order_by()
    missing = events.keys() - set(targeted.values_list("target_order", flat=True))
    if not missing:
        return []
    whos = dict(
        Event.objects.filter(pk__in=[events[key] for key in missing]).values_list("pk", "who")
    )
    deeds = {key: deed_of(events[key], whos[events[key]]) for key in missing}
    copies = {key: _copy_key(deed) for key, deed in deeds.items() if deed}
    # A copy that lost its link says so itself, and one that was deleted leaves its target.
    there = OrderFactory.objects.filter(pk__in={key for key in copies.values() if key})
    linked = set(there.exclude(target_order=None).values_list("pk", flat=True))
    doubled = [key for key, copy in copies.items() if copy is None or copy in linked]
    return sorted(Order.objects.filter(pk__in=doubled).values_list("pk", flat=True))


def _copy_key(deed: Deed) -> int | None:
    return public_ids.decode("order_factories", deed.order_copy) if deed.order_copy else None


def _finding(code: str, key: int, message: str) -> Finding:
    return Finding(code, "orders", public_ids.encode("orders", key), message)
