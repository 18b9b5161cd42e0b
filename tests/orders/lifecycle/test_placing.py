"""Placing and cancelling of orders, with and without a copy."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.events.models import Event
from order_copies.plans import Problem
from orders.exceptions import OrderGoneError
from orders.lifecycle.cancelling import cancel, cancel_sources
from orders.lifecycle.gateways import Authorized, Declined, LocalGateway
from orders.lifecycle.placing import Request, place
from orders.models import Coupon, Order, StockItem
from tests import stories
from tests.factories import (
    CouponFactory,
    PaymentSourceFactory,
    SkuFactory,
    draft_order,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

WHO = {"owner": {"type": "users", "id": "7"}}


def authorized(order: Order, *, amount_cents: int | None = None) -> Authorized:
    due = order.total_amount_with_taxes_cents if amount_cents is None else amount_cents
    return Authorized(f"auth-{order.pk}", due)


def place_one(order: Order, authorization: Any = None, **keywords: Any) -> list[Problem]:
    [problems] = place(
        [Request(order.pk, authorization=authorization or authorized(order), **keywords)], who=WHO
    )
    return problems


def codes_of(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.attribute, problem.code) for problem in problems]


REFUSED = ("status", "cannot_transition")


def test_place__pending_order_gets_stock_coupon_use_and_authorization() -> None:
    # given
    sku = SkuFactory(stock=5)
    order = pending_order(lines=[{"sku": sku, "quantity": 2}], coupon=CouponFactory())

    # when
    problems = place_one(order)

    # then
    assert problems == []
    assert stories.statuses(order) == ("placed", "authorized", "unfulfilled")
    assert StockItem.objects.get().reserved == 2
    assert Coupon.objects.get().usage_count == 1
    assert list(order.authorizations.values_list("token", "amount_cents")) == [
        (f"auth-{order.pk}", order.total_amount_with_taxes_cents)
    ]
    event = Event.objects.get()
    assert (event.name, event.resource_id, event.who) == ("orders.place", str(order.pk), WHO)
    assert event.changes == {
        "status": {"from": "pending", "to": "placed"},
        "payment_status": {"from": "unpaid", "to": "authorized"},
    }


def test_place__order_in_placing_is_retried() -> None:
    # given
    order = pending_order(status=Order.Status.PLACING)

    # when
    problems = place_one(order)

    # then
    assert problems == []
    assert stories.statuses(order) == ("placed", "authorized", "unfulfilled")


def test_place__placed_order_is_unchanged() -> None:
    # given
    order = placed_order()
    before = stories.every_byte(order)

    # when
    problems = place_one(order)

    # then
    assert problems == []
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()


def test_place__order_named_twice_is_placed_once() -> None:
    # given
    order = pending_order()

    # when
    answers = place([Request(order.pk, authorization=authorized(order))] * 2, who=WHO)

    # then
    assert answers == [[], []]
    assert order.authorizations.count() == Event.objects.count() == 1


@pytest.mark.parametrize("status", ["editing", "approved", "cancelled"])
def test_place__later_status_is_refused(status: str) -> None:
    # given
    order = placed_order(status=status)
    before = stories.every_byte(order)

    # when
    [problem] = place_one(order)

    # then
    assert problem.message == f"cannot transition from {status} to placed"
    assert stories.every_byte(order) == before


def test_place__expired_card_is_refused() -> None:
    order = pending_order(payment_source=PaymentSourceFactory(expired=True))

    assert codes_of(place_one(order)) == [REFUSED, ("payment_source", "blank")]


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (Declined("no money"), "no money"),
        (Authorized("auth-1", 1), "the payment was not authorized"),
    ],
)
def test_place__declined_or_too_small_authorization_is_refused(
    authorization: Any, message: str
) -> None:
    # given
    order = pending_order()
    before = stories.every_byte(order)

    # when
    problems = place_one(order, authorization)

    # then
    assert codes_of(problems) == [REFUSED, ("payment_source", "payment_not_authorized")]
    assert problems[1].message == message
    assert stories.every_byte(order) == before


def test_place__missing_authorization_is_refused() -> None:
    order = pending_order()

    [problems] = place([Request(order.pk)], who=WHO)

    assert codes_of(problems) == [REFUSED, ("payment_source", "payment_not_authorized")]


@pytest.mark.parametrize(
    ("make", "attributes"),
    [
        (lambda: pending_order(addresses=False), ["billing_address", "shipping_address"]),
        (lambda: pending_order(payment_source=None), ["payment_source"]),
        (lambda: pending_order(lines=0), ["line_items"]),
        (draft_order, ["customer_email", "payment_source"]),
    ],
)
def test_place__missing_requirements_are_refused(make: Any, attributes: list[str]) -> None:
    # given
    order = make()
    before = stories.every_byte(order)

    # when
    problems = place_one(order)

    # then
    assert codes_of(problems) == [REFUSED, *((attribute, "blank") for attribute in attributes)]
    assert stories.every_byte(order) == before


def test_place__stock_goes_to_the_orders_in_their_sequence() -> None:
    # given
    sku = SkuFactory(stock=3)
    orders = [pending_order(lines=[{"sku": sku, "quantity": 2}, {}]) for _ in range(2)]

    # when
    answers = place(
        [Request(order.pk, authorization=authorized(order)) for order in orders], who=WHO
    )

    # then
    assert [codes_of(problems) for problems in answers] == [
        [],
        [REFUSED, ("line_items", "out_of_stock")],
    ]
    assert answers[1][1].message == f"only 1 of 2 {sku.code} left"
    assert StockItem.objects.get(sku=sku).reserved == 2


def test_cancel__second_call_has_no_effect() -> None:
    # given
    order = placed_order(lines=[{"sku": SkuFactory(stock=9), "quantity": 4}])
    placed_order(lines=[{"sku": order.line_items.first().sku, "quantity": 3}])

    # when
    first, again = cancel([order.pk], who=WHO), cancel([order.pk], who=WHO)

    # then
    assert first == again == [[]]
    assert StockItem.objects.get().reserved == 3
    assert stories.statuses(order) == ("cancelled", "voided", "unfulfilled")
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("statuses", "reasons"),
    [
        ({"status": "draft"}, {"status": "cannot transition from draft to cancelled"}),
        (
            {"payment_status": "paid"},
            {
                "status": "cannot transition from placed to cancelled",
                "payment_status": "cannot be cancelled once it is paid: refund it first",
            },
        ),
        (
            {"fulfillment_status": "in_progress"},
            {
                "status": "cannot transition from placed to cancelled",
                "fulfillment_status": "cannot be cancelled once its fulfillment is in progress",
            },
        ),
    ],
)
def test_cancel__refusal_has_reasons(statuses: dict[str, str], reasons: dict[str, str]) -> None:
    # given
    order = placed_order(**statuses)
    before = stories.every_byte(order)

    # when
    [problems] = cancel([order.pk], who=WHO)

    # then
    assert {problem.attribute: problem.message for problem in problems} == reasons
    assert stories.every_byte(order) == before


def test_cancel_sources__only_one_of_two_copies_cancels_the_source() -> None:
    # given
    order = placed_order()

    # when
    answers = cancel_sources([order.pk, order.pk], who=WHO, order_copies=["a", "b"])
    again = cancel_sources([order.pk], who=WHO, order_copies=["c"])

    # then
    refused = [("source_order", "cannot_transition")]
    assert [codes_of(problems) for problems in answers + again] == [[], refused, refused]
    assert Event.objects.get().who == WHO | {"order_copy": {"type": "order_copies", "id": "a"}}


def test_place_and_cancel__deleted_order_raises() -> None:
    for attempt in (lambda: place([Request(0)], who=WHO), lambda: cancel([0], who=WHO)):
        with pytest.raises(OrderGoneError, match="deleted in the meantime"):
            attempt()


@pytest.mark.parametrize("count", [1, 20])
def test_place_and_cancel__query_count_is_equal_for_one_and_many_orders(count: int) -> None:
    """Placing: SAVEPOINT; SELECT orders, what they need, stock items, coupons by code, coupons,
    customers, coupon uses by customer, discount lines, addresses, what is sold and shipped and
    whether subscriptions wait for it; DELETE
    transferred coupon uses and reservations; UPDATE stock items, coupons; INSERT reservations,
    coupon uses, authorizations; UPDATE orders; INSERT events; RELEASE. Without
    transfers, their SELECT and DELETE statements are not sent.

    Cancelling: SAVEPOINT; SELECT orders, reservations, stock items, coupon uses, coupons; DELETE
    reservations; UPDATE stock items; DELETE coupon uses; UPDATE coupons; SELECT and UPDATE
    authorizations; UPDATE orders; INSERT events; SELECT subscriptions; RELEASE.
    """
    # given
    skus = [SkuFactory() for _ in range(count)]
    coupon = CouponFactory()
    orders = [pending_order(lines=[{"sku": sku} for sku in skus], coupon=coupon)]
    orders += [pending_order(lines=[{"sku": sku} for sku in skus]) for _ in range(count - 1)]
    requests = [Request(order.pk, authorization=authorized(order)) for order in orders]

    # when
    with CaptureQueriesContext(connection) as placing:
        place(requests, who=WHO)
    with CaptureQueriesContext(connection) as cancelling:
        cancel([order.pk for order in orders], who=WHO)

    # then
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
    assert (len(placing), len(cancelling)) == (19, 16)


def test_local_gateway__authorizes_once_per_key() -> None:
    # given
    gateway = LocalGateway()
    call = {"payment_source_token": "tok", "amount_cents": 5, "currency": "EUR"}

    # when
    first = gateway.authorize(idempotency_key="a", **call)
    again = gateway.authorize(idempotency_key="a", **call)
    other = gateway.authorize(idempotency_key="b", **call)

    # then
    assert first == again
    assert first != other
    assert gateway.authorize(
        idempotency_key="c", **call | {"payment_source_token": "declined_1"}
    ) == Declined("the payment source was declined")
