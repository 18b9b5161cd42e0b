"""Cancel orders: what they hold goes back, what they were promised is voided."""

from collections.abc import Collection, Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone

from order_copies.events.who import Who
from order_copies.plans import Problem
from orders.coupons import CouponLedger
from orders.gateways import gateway
from orders.locks import locked
from orders.models import Authorization, Order
from orders.requirements import reasons_not_to_cancel
from orders.statuses import Statuses, move
from orders.stock import StockLedger


@transaction.atomic
def cancel(keys: Sequence[int], *, who: Who) -> list[list[Problem]]:
    """Cancel orders and give back what they hold; the answers say why one was not."""
    orders = locked(Order.objects.all(), keys)
    cancelled: dict[int, Order] = {}
    answers = []
    for key in keys:
        problems = reasons_not_to_cancel(orders[key], cancelled)
        if not problems:
            cancelled[key] = orders[key]
        answers.append(problems)
    _give_back(cancelled)
    _void_authorizations(cancelled)
    _mark_cancelled(list(cancelled.values()), who)
    return answers


def _give_back(orders: Collection[int]) -> None:
    stock, coupons = StockLedger((), orders), CouponLedger((), orders)
    for key in orders:
        stock.release(key)
        coupons.release(key)
    stock.book()
    coupons.book()


def _void_authorizations(orders: Collection[int]) -> None:
    live = Authorization.objects.filter(order__in=orders, status=Authorization.Status.AUTHORIZED)
    tokens = list(live.values_list("token", flat=True))
    live.update(status=Authorization.Status.VOIDED, voided_at=timezone.now())
    # The gateway is outside: it hears of it once the cancellation is certain.
    for token in tokens:
        transaction.on_commit(partial(gateway.void, token), robust=True)


def _mark_cancelled(orders: Sequence[Order], who: Who) -> None:
    moves = []
    for order in orders:
        payment = order.payment_status
        if payment == Order.PaymentStatus.AUTHORIZED:
            payment = Order.PaymentStatus.VOIDED
        statuses = Statuses(Order.Status.CANCELLED, payment, order.fulfillment_status)
        moves.append((order, statuses))
    move(moves, "cancel", "cancelled_at", who)
