"""Cancel orders: release stock and coupon uses, void authorizations, cancel subscriptions."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from django.db import transaction

from order_copies.events.recording import Actor
from order_copies.plans import Problem
from orders.lifecycle import subscribing
from orders.lifecycle.coupons import CouponLedger
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.requirements import reasons_not_to_cancel, reasons_not_to_cancel_source
from orders.lifecycle.stock import StockLedger
from orders.lifecycle.transitions import TRANSITIONS, Statuses, write_transition
from orders.lifecycle.voiding import after_commit, void
from orders.models import Authorization, Order

CANCELLED = TRANSITIONS["cancel"].target


@transaction.atomic
def cancel(keys: Sequence[int], *, who: Actor) -> list[list[Problem]]:
    """Cancel orders; one that is cancelled already stays as it is.

    Return the reasons why an order was not cancelled, one list for each key. Raises
    :class:`OrderGoneError`.
    """
    orders = locked_orders(keys)
    reasons = {key: _reasons(order) for key, order in orders.items()}
    active = {key: order for key, order in orders.items() if order.status != CANCELLED}
    _cancel({key: order for key, order in active.items() if not reasons[key]}, who)
    return [reasons[key] for key in keys]


def rehearse(keys: Sequence[int]) -> list[list[Problem]]:
    """Return what :func:`cancel` would return now. Takes no locks and writes nothing."""
    orders = Order.objects.in_bulk(keys)
    return [_reasons(orders[key]) if key in orders else [] for key in keys]


@transaction.atomic
def cancel_sources(
    keys: Sequence[int], *, who: Actor, order_copies: Sequence[str]
) -> list[list[Problem]]:
    """Cancel the source orders of copies, each for one copy only.

    ``order_copies`` are the public ids of the copies, one for each key. Unlike :func:`cancel`, this
    refuses a source that is cancelled already (contract 1.5). Return the reasons why a source was
    not cancelled, one list for each key. Raises :class:`OrderGoneError`.
    """
    orders = locked_orders(keys)
    cancelled: dict[int, Order] = {}
    cancelled_by: dict[int, str | None] = {}
    answers = []
    for key, order_copy in zip(keys, order_copies, strict=True):
        problems = reasons_not_to_cancel_source(orders[key], cancelled)
        if not problems:
            cancelled[key] = orders[key]
            cancelled_by[key] = order_copy
        answers.append(problems)
    _cancel(cancelled, who, cancelled_by)
    return answers


def _reasons(order: Order) -> list[Problem]:
    return [] if order.status == CANCELLED else reasons_not_to_cancel(order)


def _cancel(
    orders: Mapping[int, Order],
    who: Actor,
    order_copies: Mapping[int, str | None] = MappingProxyType({}),
) -> None:
    _release_stock_and_coupons(orders)
    _void_authorizations(orders)
    _write_cancelled(list(orders.values()), who, order_copies)
    if orders:
        subscribing.cancel_with(orders, who=who)


def _release_stock_and_coupons(orders: Collection[int]) -> None:
    stock, coupons = StockLedger((), orders), CouponLedger((), orders)
    for key in orders:
        stock.release(key)
        coupons.release(key)
    stock.write()
    coupons.write()


def _void_authorizations(orders: Collection[int]) -> None:
    live = Authorization.objects.filter(order__in=orders, status=Authorization.Status.AUTHORIZED)
    keys = list(live.values_list("pk", flat=True))
    live.update(status=Authorization.Status.VOIDED)
    if keys:
        # The gateway is called after the commit: a cancellation that rolls back voids nothing.
        after_commit(void, keys)


def _write_cancelled(
    orders: Sequence[Order], who: Actor, order_copies: Mapping[int, str | None]
) -> None:
    cancelled = []
    for order in orders:
        payment = order.payment_status
        if payment == Order.PaymentStatus.AUTHORIZED:
            payment = Order.PaymentStatus.VOIDED
        cancelled.append((order, Statuses(CANCELLED, payment, order.fulfillment_status)))
    write_transition("cancel", cancelled, who, order_copies)
