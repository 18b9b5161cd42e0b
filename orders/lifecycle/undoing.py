"""Undo copies: cancel their targets, and reinstate the sources that they cancelled, under locks."""

from collections.abc import Iterator, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.rows import update_rows
from order_copies.events.models import Event
from order_copies.events.recording import Actor, changes_of, record
from order_copies.plans import Problem, Step
from orders.exceptions import OrderGoneError
from orders.lifecycle import cancelling
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.requirements import reasons_not_to_cancel
from orders.lifecycle.stock import StockLedger
from orders.lifecycle.transitions import TRANSITIONS, Statuses, write_transition
from orders.models import Order

#: The times that say nothing any more about an order which was reinstated.
STAMPS = ("placed_at", "approved_at", "cancelled_at", "archived_at")


@transaction.atomic
def undo(target: int, source: int | None, *, who: Actor) -> list[Problem]:
    """Cancel ``target``; reinstate ``source``, which its copy cancelled, as a pending order.

    A reinstated order is unpaid and holds no stock, because its authorization was voided: it must
    be placed again. Subscriptions that were cancelled with it stay cancelled. Return why nothing
    was changed: the target cannot be cancelled, or the pieces of the source are not available even
    if the target releases its own. Raises :class:`OrderGoneError`.
    """
    orders = locked_orders(_keys(target, source))
    if problems := _reasons(orders, target, source, locks=True):
        return problems
    cancelling.cancel([target], who=who)
    if source is not None:
        _reinstate(orders[source], who)
    return []


def rehearse(target: int, source: int | None) -> list[Problem]:
    """Return what :func:`undo` would return now. Takes no locks and writes nothing.

    Raises :class:`OrderGoneError`.
    """
    keys = _keys(target, source)
    orders = Order.objects.in_bulk(keys)
    if len(orders) < len(keys):
        raise OrderGoneError
    return _reasons(orders, target, source, locks=False)


def _keys(target: int, source: int | None) -> set[int]:
    return {target} if source is None else {target, source}


def _reasons(
    orders: Mapping[int, Order], target: int, source: int | None, *, locks: bool
) -> list[Problem]:
    if reason := _why_not_cancelled(orders[target]):
        return [Problem(Step.CANCEL, "target_order", "not_undoable", reason, skippable=False)]
    if source is None:
        return []
    if orders[source].status not in TRANSITIONS["reinstate"].sources:
        status = orders[source].get_status_display()
        message = _("the original is %(status)s already") % {"status": status}
        return [Problem(Step.CANCEL, "source_order", "not_undoable", message, skippable=False)]
    return list(_shortages(source, target, locks=locks))


def _why_not_cancelled(order: Order) -> str:
    if order.status == TRANSITIONS["cancel"].target:
        return _("the copy is cancelled already")
    if order.status not in TRANSITIONS["cancel"].sources:
        message = _("the copy is %(status)s: such an order cannot be cancelled")
        return message % {"status": order.get_status_display()}
    problems = reasons_not_to_cancel(order)
    return _("the copy %(reason)s") % {"reason": problems[-1].message} if problems else ""


def _shortages(source: int, target: int, *, locks: bool) -> Iterator[Problem]:
    for shortage in StockLedger([source], [target], locks=locks).shortages(source, target):
        message = _("the original cannot be sold again: %(shortage)s") % {"shortage": shortage}
        yield Problem(Step.CANCEL, "line_items", "out_of_stock", message, skippable=False)


def _reinstate(order: Order, who: Actor) -> None:
    unpaid, unfulfilled = Order.PaymentStatus.UNPAID, Order.FulfillmentStatus.UNFULFILLED
    statuses = Statuses(TRANSITIONS["reinstate"].target, unpaid, unfulfilled)
    write_transition("reinstate", [(order, statuses)], who)
    now, empty = timezone.now(), dict.fromkeys(STAMPS)
    update_rows(Order, [*STAMPS, "updated_at"], [(order.pk, *empty.values(), now)])
    changes = changes_of({name: getattr(order, name) for name in STAMPS}, empty)
    key = str(order.pk)
    record([Event(resource_type="orders", resource_id=key, changes=changes, who=who)])
