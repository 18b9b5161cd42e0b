"""Cancel orders: what they hold goes back, what they were promised is voided."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from django.db import transaction

from order_copies.events.who import Who
from order_copies.plans import Problem
from orders.lifecycle.coupons import CouponLedger
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.requirements import reasons_not_to_cancel, reasons_not_to_cancel_source
from orders.lifecycle.statuses import Statuses, move
from orders.lifecycle.stock import StockLedger
from orders.lifecycle.voiding import after_commit, void
from orders.models import Authorization, Order

CANCELLED = Order.Status.CANCELLED


@transaction.atomic
def cancel(keys: Sequence[int], *, who: Who) -> list[list[Problem]]:
    """Cancel orders and give back what they hold; the answers say why one was not.

    What is cancelled already stays as it is. Raises :class:`OrderGoneError`.
    """
    orders = locked_orders(keys)
    reasons = {key: _reasons(order) for key, order in orders.items()}
    active = {key: order for key, order in orders.items() if order.status != CANCELLED}
    _cancel({key: order for key, order in active.items() if not reasons[key]}, who)
    return [reasons[key] for key in keys]


def foresee(keys: Sequence[int]) -> list[list[Problem]]:
    """What :func:`cancel` would answer now. Reads, and writes nothing."""
    orders = Order.objects.in_bulk(keys)
    return [_reasons(orders[key]) if key in orders else [] for key in keys]


@transaction.atomic
def cancel_sources(
    keys: Sequence[int], *, who: Who, order_copies: Sequence[str]
) -> list[list[Problem]]:
    """Cancel the source orders of copies as :func:`cancel` does, each for one copy only.

    ``order_copies`` are the public ids of the copies. A source that is cancelled already is refused
    (contract 1.5). Raises :class:`OrderGoneError`.
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
    who: Who,
    order_copies: Mapping[int, str | None] = MappingProxyType({}),
) -> None:
    _give_back(orders)
    _void_authorizations(orders)
    _mark_cancelled(list(orders.values()), who, order_copies)


def _give_back(orders: Collection[int]) -> None:
    stock, coupons = StockLedger((), orders), CouponLedger((), orders)
    for key in orders:
        stock.release(key)
        coupons.release(key)
    stock.book()
    coupons.book()


def _void_authorizations(orders: Collection[int]) -> None:
    live = Authorization.objects.filter(order__in=orders, status=Authorization.Status.AUTHORIZED)
    keys = list(live.values_list("pk", flat=True))
    live.update(status=Authorization.Status.VOIDED)
    if keys:
        # The gateway is outside: it hears of it once the cancellation is certain.
        after_commit(void, keys)


def _mark_cancelled(
    orders: Sequence[Order], who: Who, order_copies: Mapping[int, str | None]
) -> None:
    moves = []
    for order in orders:
        payment = order.payment_status
        if payment == Order.PaymentStatus.AUTHORIZED:
            payment = Order.PaymentStatus.VOIDED
        statuses = Statuses(CANCELLED, payment, order.fulfillment_status)
        moves.append((order, statuses))
    move(moves, "cancel", "cancelled_at", who, order_copies)
