"""Place orders: reserve stock, use coupons and record authorizations, all under locks.

The locks are taken in the order that :mod:`orders.lifecycle.locks` describes.
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
from order_copies.events.recording import Actor
from order_copies.plans import Problem, Step
from orders.lifecycle import subscribing
from orders.lifecycle.coupons import CouponLedger
from orders.lifecycle.gateways import Authorized, Declined
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.requirements import (
    Placement,
    reasons_not_to_cancel_source,
    reasons_not_to_place,
    refused,
)
from orders.lifecycle.stock import StockLedger
from orders.lifecycle.transitions import TRANSITIONS, Statuses, write_transition
from orders.models import Address, Authorization, LineItem, Order, PaymentSource
from orders.totals import GOODS, ItemType


@dataclass(frozen=True, slots=True)
class Request:
    """An order to place. ``order`` and ``replaces`` are keys of orders."""

    order: int
    #: The order whose stock and coupon use are transferred to this one, if any.
    replaces: int | None = None
    #: The public id of the copy that places its target order, if a copy does.
    order_copy: str | None = None
    #: What the payment gateway answered; None if it was not called or gave no answer.
    authorization: Authorized | Declined | None = None


@transaction.atomic
def place(requests: Sequence[Request], *, who: Actor) -> list[list[Problem]]:
    """Place orders; one that is placed already stays as it is.

    If an order replaces another one, the stock and the coupon use of the other are transferred to
    it. The other must be cancellable, and the caller must cancel it in the same transaction. Return
    the reasons why an order was not placed, one list for each request. Raises
    :class:`OrderGoneError`.
    """
    batch = _Batch(requests)
    answers = [batch.place(request) for request in requests]
    batch.write(who)
    return answers


@transaction.atomic
def rehearse(keys: Sequence[int]) -> list[list[Problem]]:
    """Return what :func:`place` would return now if every payment were authorized.

    Takes the same locks and writes nothing. Raises :class:`OrderGoneError`.
    """
    batch = _Batch([Request(key) for key in keys], is_rehearsal=True)
    return [batch.place(request) for request in batch.requests]


class _Batch:
    """Lock and read everything that requests need, decide on each in order, write once."""

    def __init__(self, requests: Sequence[Request], *, is_rehearsal: bool = False) -> None:
        self.requests = requests
        self.is_rehearsal = is_rehearsal
        placing = {request.order for request in requests}
        replaced = {request.replaces for request in requests if request.replaces is not None}
        self.orders = locked_orders(placing | replaced)
        self.stock = StockLedger(placing, replaced)
        self.coupons = CouponLedger([self.orders[key] for key in placing], replaced)
        self.placements, self.awaited = _placements([self.orders[key] for key in placing])
        self.placed: dict[int, tuple[Order, Authorized | None]] = {}
        self.replaced: set[int] = set()

    def place(self, request: Request) -> list[Problem]:
        """Place one order in memory. Return the reasons why it cannot be placed."""
        order = self.orders[request.order]
        if order.status == TRANSITIONS["place"].target or order.pk in self.placed:
            return []
        problems = self._problems(request, order)
        if not problems:
            self.stock.reserve(order.pk, request.replaces)
            self.coupons.use(order, request.replaces)
            self.placed[order.pk] = (order, _used(request.authorization, order))
            if request.replaces is not None:
                self.replaced.add(request.replaces)
        return problems

    def _problems(self, request: Request, order: Order) -> list[Problem]:
        placement = self.placements[order.pk]
        problems = reasons_not_to_place(placement)
        if not problems:
            # A missing authorization is reported only if nothing else forbids placing: for an
            # order that cannot be placed, the gateway may not have been called at all.
            reasons = list(self._reasons(request, order)) or self._payment_reasons(request, order)
            problems = refused(placement, reasons) if reasons else []
        if request.replaces is not None:
            source = self.orders[request.replaces]
            problems += reasons_not_to_cancel_source(source, self.replaced)
        return problems

    def _reasons(self, request: Request, order: Order) -> Iterator[Problem]:
        for message in self.stock.shortages(order.pk, request.replaces):
            yield Problem(Step.PLACE, "line_items", "out_of_stock", message, may_pass=True)
        invalid = self.coupons.why_invalid(order, request.replaces)
        if invalid:
            yield Problem(Step.PLACE, "coupon_code", "coupon_invalid", invalid)

    def _payment_reasons(self, request: Request, order: Order) -> list[Problem]:
        answer = request.authorization
        unpaid = _why_unpaid(answer, order.total_amount_with_taxes_cents)
        if unpaid is None or self.is_rehearsal:
            return []
        may_pass = not (isinstance(answer, Declined) and answer.is_final)
        code = "payment_not_authorized" if may_pass else "payment_declined_for_good"
        return [Problem(Step.PLACE, "payment_source", code, unpaid, may_pass=may_pass)]

    def write(self, who: Actor) -> None:
        """Write stock, coupon uses, authorizations and statuses of the placed orders."""
        self.stock.write()
        self.coupons.write()
        placed = list(self.placed.values())
        _write_authorizations(placed)
        order_copies = {request.order: request.order_copy for request in self.requests}
        _write_placed(placed, self.placements, who, order_copies)
        if awaited := self.awaited & self.placed.keys():
            subscribing.activate_by(awaited, who=who)


def _placements(orders: Collection[Order]) -> tuple[dict[int, Placement], set[int]]:
    """Return the facts about orders, by key, and the orders that drafts of subscriptions await."""
    roles: dict[int, set[Any]] = defaultdict(set)
    for order, role in Address.objects.filter(order__in=orders).values_list("order", "role"):
        roles[order].add(role)
    goods = LineItem.objects.filter(order=OuterRef("pk"), item_type__in=GOODS, quantity__gt=0)
    shipped = goods.filter(item_type=ItemType.SKUS).exclude(sku__do_not_ship=True)
    valid = PaymentSource.objects.valid(timezone.now()).filter(pk=OuterRef("payment_source"))
    waiting = subscribing.waiting().filter(source_order=OuterRef("pk"))
    found = Order.objects.filter(pk__in=[order.pk for order in orders]).values_list(
        "pk", Exists(goods), Exists(shipped), Exists(valid), Exists(waiting)
    )
    facts, by_key = list(found), {order.pk: order for order in orders}
    placements = {
        key: Placement(
            status=by_key[key].status,
            has_customer=bool(by_key[key].customer_email or by_key[key].customer_id),
            has_goods=has_goods,
            needs_shipping=needs_shipping,
            address_roles=frozenset(roles[key]),
            due_cents=by_key[key].total_amount_with_taxes_cents,
            has_payment_source=has_payment_source,
        )
        for key, has_goods, needs_shipping, has_payment_source, _is_awaited in facts
    }
    return placements, {key for key, *_others, is_awaited in facts if is_awaited}


def _used(answer: Authorized | Declined | None, order: Order) -> Authorized | None:
    # An order that became free in the meantime needs no payment: the caller voids it.
    is_free = order.total_amount_with_taxes_cents <= 0
    return None if is_free or not isinstance(answer, Authorized) else answer


def _why_unpaid(authorization: Authorized | Declined | None, due_cents: int) -> str | None:
    if due_cents <= 0:
        return None
    if isinstance(authorization, Declined):
        return authorization.message
    if authorization is None or authorization.amount_cents != due_cents:
        return _("the payment was not authorized")
    return None


def _write_authorizations(placed: Sequence[tuple[Order, Authorized | None]]) -> None:
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


def _write_placed(
    placed: Sequence[tuple[Order, Authorized | None]],
    placements: dict[int, Placement],
    who: Actor,
    order_copies: Mapping[int, str | None],
) -> None:
    orders = []
    for order, authorization in placed:
        payment = Order.PaymentStatus.AUTHORIZED if authorization else Order.PaymentStatus.FREE
        fulfillment = (
            Order.FulfillmentStatus.UNFULFILLED
            if placements[order.pk].needs_shipping
            else Order.FulfillmentStatus.NOT_REQUIRED
        )
        orders.append((order, Statuses(TRANSITIONS["place"].target, payment, fulfillment)))
    write_transition("place", orders, who, order_copies)
