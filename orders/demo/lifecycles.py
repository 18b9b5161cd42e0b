"""Bring orders of the demo shop to a status, with the payments and timestamps it implies."""

from datetime import timedelta

from orders.demo.baskets import Basket
from orders.lifecycle.transitions import HOLDING
from orders.models import Authorization, Order, PaymentSource

Status = Order.Status
PaymentStatus = Order.PaymentStatus
FulfillmentStatus = Order.FulfillmentStatus

#: The payment status after cancelling; any other status is kept.
VOIDED: dict[str, str] = {PaymentStatus.AUTHORIZED: PaymentStatus.VOIDED}
#: The payment status after capturing; any other status is kept.
CAPTURED: dict[str, str] = {PaymentStatus.AUTHORIZED: PaymentStatus.PAID}


def advance(basket: Basket, status: Order.Status, payment_source: PaymentSource | None) -> None:
    """Bring the order to ``status``, with all effects of the transitions on the way."""
    order = basket.order
    order.payment_source = payment_source
    basket.add_up()
    order.status = status
    if basket.has_goods and not basket.needs_shipping:
        order.fulfillment_status = FulfillmentStatus.NOT_REQUIRED
    if status in HOLDING or status == Status.CANCELLED:
        _place(basket)
    if status == Status.APPROVED:
        order.approved_at = order.created_at + timedelta(hours=5)
    if status == Status.CANCELLED:
        _cancel(basket)


def _place(basket: Basket) -> None:
    order = basket.order
    order.placed_at = order.created_at + timedelta(minutes=11)
    due = order.total_amount_with_taxes_cents
    if due == 0:
        order.payment_status = PaymentStatus.FREE
        return
    order.payment_status = PaymentStatus.AUTHORIZED
    basket.authorizations.append(
        Authorization(
            order=order,
            token=f"auth_{order.token}",
            amount_cents=due,
            created_at=order.placed_at,
        )
    )


def _cancel(basket: Basket) -> None:
    order = basket.order
    order.cancelled_at = order.created_at + timedelta(days=1)
    order.payment_status = VOIDED.get(order.payment_status, order.payment_status)
    for authorization in basket.authorizations:
        authorization.status = Authorization.Status.VOIDED
        authorization.voided_at = order.cancelled_at


def pay(basket: Basket, fulfillment_status: Order.FulfillmentStatus) -> None:
    """Capture the payment of an approved order and set its fulfillment status."""
    order = basket.order
    order.payment_status = CAPTURED.get(order.payment_status, order.payment_status)
    if order.fulfillment_status == FulfillmentStatus.UNFULFILLED:
        order.fulfillment_status = fulfillment_status


def refund(basket: Basket) -> None:
    """Mark a cancelled order as refunded."""
    basket.order.payment_status = PaymentStatus.REFUNDED


def holds_stock(basket: Basket) -> bool:
    """Return whether the order holds stock: it is placed and not shipped yet."""
    order = basket.order
    return order.status in HOLDING and order.fulfillment_status != FulfillmentStatus.FULFILLED


def holds_coupon(basket: Basket) -> bool:
    """Return whether the order counts as a use of its coupon."""
    return basket.coupon is not None and basket.order.status in HOLDING
