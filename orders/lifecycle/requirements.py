"""The requirements for placing and cancelling an order, shared by plan, run and triggers."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from order_copies.plans import Problem, Step, cannot_transition
from orders.lifecycle.transitions import HOLDING, TRANSITIONS
from orders.models import AddressRole, Order

#: With these payment statuses an order cannot be cancelled.
SETTLED = frozenset({Order.PaymentStatus.PAID, Order.PaymentStatus.REFUNDED})
#: With these fulfillment statuses an order cannot be cancelled.
SHIPPED = frozenset({Order.FulfillmentStatus.IN_PROGRESS, Order.FulfillmentStatus.FULFILLED})


@dataclass(frozen=True, slots=True)
class Placement:
    """The facts about an order that decide whether it can be placed."""

    status: str
    has_customer: bool
    has_goods: bool
    needs_shipping: bool
    address_roles: frozenset[str]
    due_cents: int
    has_payment_source: bool


def refused(placement: Placement, reasons: list[Problem]) -> list[Problem]:
    """Return the problems of a refused placement: the forbidden transition, then ``reasons``."""
    return [cannot_transition(Step.PLACE, placement.status, "placed"), *reasons]


def reasons_not_to_place(placement: Placement) -> list[Problem]:
    """Return why the order cannot be placed; empty if it can.

    Stock, coupon and authorization are not checked here: :mod:`orders.lifecycle.placing` checks
    them under locks.
    """
    reasons = [
        Problem(Step.PLACE, attribute, code, message)
        for attribute, code, message in _missing(placement)
    ]
    if placement.due_cents < 0:
        reasons.append(negative_total(Step.PLACE))
    if reasons or placement.status not in TRANSITIONS["place"].sources:
        return refused(placement, reasons)
    return []


def negative_total(step: Step) -> Problem:
    """Return the problem of a negative total: such an order is not placed and replaces no other."""
    message = _("must not be below zero: correct the adjustments or discounts of the order")
    return Problem(step, "total_amount_with_taxes_cents", "negative_total", message)


def _missing(placement: Placement) -> Iterator[tuple[str, str, str]]:
    if not placement.has_customer:
        yield "customer_email", "blank", _("can't be blank: placing needs a customer")
    if not placement.has_goods:
        yield "line_items", "blank", _("can't be blank: placing needs at least one item")
    if AddressRole.BILLING not in placement.address_roles:
        yield "billing_address", "blank", _("can't be blank: placing needs a billing address")
    if placement.needs_shipping and AddressRole.SHIPPING not in placement.address_roles:
        yield "shipping_address", "blank", _("can't be blank: placing needs a shipping address")
    if placement.due_cents > 0 and not placement.has_payment_source:
        message = _("can't be blank: placing needs a valid payment source unless the total is zero")
        yield "payment_source", "blank", message


def reasons_not_to_cancel(order: Order) -> list[Problem]:
    """Return why the order cannot be cancelled, as problems of the order; empty if it can."""
    obstacle = _obstacle_to_cancelling(order, order.status)
    if obstacle is None:
        return []
    forbidden = cannot_transition(Step.CANCEL, order.status, "cancelled")
    return [forbidden] if obstacle == forbidden else [forbidden, obstacle]


def reasons_not_to_cancel_source(order: Order, cancelled: Collection[int] = ()) -> list[Problem]:
    """Return why the source order of a copy cannot be cancelled, as problems of the copy.

    ``cancelled`` are the keys of orders that the current transaction has already cancelled.
    """
    status = Order.Status.CANCELLED if order.pk in cancelled else order.status
    obstacle = _obstacle_to_cancelling(order, status)
    if obstacle is None:
        return []
    # If cancelling would lose money, the copy writes nothing at all, even with skip_errors.
    step = obstacle.step if obstacle.skippable else Step.WRITE
    return [replace(obstacle, step=step, attribute="source_order")]


def _obstacle_to_cancelling(order: Order, status: str) -> Problem | None:
    if status not in TRANSITIONS["cancel"].sources:
        return cannot_transition(Step.CANCEL, status, "cancelled")
    if order.payment_status in SETTLED:
        message = _("cannot be cancelled once it is %(status)s: refund it first")
        if order.payment_status == Order.PaymentStatus.REFUNDED:
            message = _("is %(status)s already and cannot be cancelled")
        return _not_cancellable("payment_status", message, order.get_payment_status_display())
    if order.fulfillment_status in SHIPPED:
        message = _("cannot be cancelled once its fulfillment is %(status)s")
        status = order.get_fulfillment_status_display()
        return _not_cancellable("fulfillment_status", message, status)
    if order.gift_card_amount_cents and status in HOLDING:
        message = _("was paid in part with a gift card, which this shop cannot refund")
        return Problem(
            Step.CANCEL, "gift_card_code", "gift_card_would_be_lost", message, skippable=False
        )
    return None


def _not_cancellable(attribute: str, message: str, status: str) -> Problem:
    return Problem(Step.CANCEL, attribute, attribute, message % {"status": status})
