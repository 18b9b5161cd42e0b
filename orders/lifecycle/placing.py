"""Place orders: stock, coupons and payments change hands, all under locks.

Locks are taken in one order everywhere: orders, stock items, coupons, each by key.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.rows import insert_rows
from order_copies.events.who import Who
from order_copies.plans import Problem, Step
from orders.lifecycle.coupons import CouponLedger
from orders.lifecycle.gateways import Authorized, Declined
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.requirements import (
    Placement,
    reasons_not_to_cancel_source,
    reasons_not_to_place,
    refused,
)
from orders.lifecycle.statuses import Statuses, move
from orders.lifecycle.stock import StockLedger
from orders.models import Address, Authorization, LineItem, Order, PaymentSource
from orders.totals import GOODS, ItemType


@dataclass(frozen=True, slots=True)
class Request:
    """One order to be placed, and the order that it takes the place of, if any."""

    order: int
    replaces: int | None = None
    #: The public id of the copy that places its target, if one does.
    order_copy: str | None = None
    authorization: Authorized | Declined | None = None


@transaction.atomic
def place(requests: Sequence[Request], *, who: Who) -> list[list[Problem]]:
    """Place orders; the answers say, request by request, why one was not.

    An order that replaces another one takes over the stock and the coupon use that the other
    holds. The other must be cancellable, and the caller cancels it in the same transaction.
    What is placed already stays as it is. Raises :class:`OrderGoneError`.
    """
    counter = _Counter(requests)
    answers = [counter.place(request) for request in requests]
    counter.close(who)
    return answers


@transaction.atomic
def rehearse(keys: Sequence[int]) -> list[list[Problem]]:
    """What :func:`place` would answer now if every payment were authorized. Writes nothing."""
    counter = _Counter([Request(key) for key in keys], is_rehearsal=True)
    return [counter.place(request) for request in counter.requests]


class _Counter:
    """The shop's counter: locks all that the requests touch, serves them one by one, then books."""

    def __init__(self, requests: Sequence[Request], *, is_rehearsal: bool = False) -> None:
        self.requests = requests
        self.is_rehearsal = is_rehearsal
        placing = {request.order for request in requests}
        replaced = {request.replaces for request in requests if request.replaces is not None}
        self.orders = locked_orders(placing | replaced)
        self.stock = StockLedger(placing, replaced)
        self.coupons = CouponLedger([self.orders[key] for key in placing], replaced)
        self.placements = _placements([self.orders[key] for key in placing])
        self.placed: dict[int, tuple[Order, Authorized | None]] = {}
        self.replaced: set[int] = set()

    def place(self, request: Request) -> list[Problem]:
        """Place one order, unless it is placed or there are reasons not to."""
        order = self.orders[request.order]
        if order.status == Order.Status.PLACED or order.pk in self.placed:
            return []
        problems = self._problems(request, order)
        if not problems:
            self.stock.move(order.pk, request.replaces)
            self.coupons.move(order, request.replaces)
            paid = request.authorization
            self.placed[order.pk] = (order, paid if isinstance(paid, Authorized) else None)
            if request.replaces is not None:
                self.replaced.add(request.replaces)
        return problems

    def _problems(self, request: Request, order: Order) -> list[Problem]:
        placement = self.placements[order.pk]
        problems = reasons_not_to_place(placement)
        if not problems:
            # Whoever is refused anyway may not have been asked for money, and need not know.
            reasons = list(self._reasons(request, order)) or self._payment_reasons(request, order)
            problems = refused(placement, reasons) if reasons else []
        if request.replaces is not None:
            source = self.orders[request.replaces]
            problems += reasons_not_to_cancel_source(source, self.replaced)
        return problems

    def _reasons(self, request: Request, order: Order) -> Iterator[Problem]:
        for message in self.stock.shortages(order.pk, request.replaces):
            yield Problem(Step.PLACE, "line_items", "out_of_stock", message)
        invalid = self.coupons.why_invalid(order, request.replaces)
        if invalid:
            yield Problem(Step.PLACE, "coupon_code", "coupon_invalid", invalid)

    def _payment_reasons(self, request: Request, order: Order) -> list[Problem]:
        unpaid = _why_unpaid(request.authorization, order.total_amount_with_taxes_cents)
        if unpaid is None or self.is_rehearsal:
            return []
        return [Problem(Step.PLACE, "payment_source", "payment_not_authorized", unpaid)]

    def close(self, who: Who) -> None:
        """Write down all that was placed."""
        self.stock.book()
        self.coupons.book()
        placed = list(self.placed.values())
        _record_authorizations(placed)
        order_copies = {request.order: request.order_copy for request in self.requests}
        _mark_placed(placed, self.placements, who, order_copies)


def _placements(orders: Collection[Order]) -> dict[int, Placement]:
    roles: dict[int, set[Any]] = defaultdict(set)
    for order, role in Address.objects.filter(order__in=orders).values_list("order", "role"):
        roles[order].add(role)
    goods = LineItem.objects.filter(order=OuterRef("pk"), item_type__in=GOODS, quantity__gt=0)
    shipped = goods.filter(item_type=ItemType.SKUS).exclude(sku__do_not_ship=True)
    valid = PaymentSource.objects.valid(timezone.now()).filter(pk=OuterRef("payment_source"))
    facts = Order.objects.filter(pk__in=[order.pk for order in orders]).values_list(
        "pk", Exists(goods), Exists(shipped), Exists(valid)
    )
    has = {pk: answers for pk, *answers in facts}
    return {
        order.pk: Placement(
            status=order.status,
            has_customer=bool(order.customer_email or order.customer_id),
            has_goods=has[order.pk][0],
            needs_shipping=has[order.pk][1],
            address_roles=frozenset(roles[order.pk]),
            due_cents=order.total_amount_with_taxes_cents,
            has_payment_source=has[order.pk][2],
        )
        for order in orders
    }


def _why_unpaid(authorization: Authorized | Declined | None, due_cents: int) -> str | None:
    if due_cents <= 0:
        return None
    if isinstance(authorization, Declined):
        return authorization.message
    if authorization is None or authorization.amount_cents != due_cents:
        return _("the payment was not authorized")
    return None


def _record_authorizations(placed: Sequence[tuple[Order, Authorized | None]]) -> None:
    now = timezone.now()
    status = Authorization.Status.AUTHORIZED
    rows = [
        (order.pk, authorization.token, authorization.amount_cents, status, now, 0, now)
        for order, authorization in placed
        if authorization is not None
    ]
    insert_rows(
        Authorization,
        ["order_id", "token", "amount_cents", "status", "created_at", "failures", "due_at"],
        rows,
    )


def _mark_placed(
    placed: Sequence[tuple[Order, Authorized | None]],
    placements: dict[int, Placement],
    who: Who,
    order_copies: Mapping[int, str | None],
) -> None:
    moves = []
    for order, authorization in placed:
        payment = Order.PaymentStatus.AUTHORIZED if authorization else Order.PaymentStatus.FREE
        fulfillment = (
            Order.FulfillmentStatus.UNFULFILLED
            if placements[order.pk].needs_shipping
            else Order.FulfillmentStatus.NOT_REQUIRED
        )
        moves.append((order, Statuses(Order.Status.PLACED, payment, fulfillment)))
    move(moves, "place", "placed_at", who, order_copies)
