"""Story: clients place, cancel, approve and archive orders by sending triggers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone

from order_copies.events.models import Event
from order_copies.models import OpenPayment
from order_copies.shops import get_shop
from order_copies.worker.payments import void_unused
from orders.lifecycle import checkout
from orders.lifecycle.voiding import void_due
from orders.models import Authorization, Order, StockItem
from tests import stories
from tests.api import API, errors_in, shopper, staff, the_error_in
from tests.bank import Bank, install_bank
from tests.factories import (
    CouponFactory,
    PaymentSourceFactory,
    SkuFactory,
    cancelled_order,
    draft_order,
    pending_order,
    placed_order,
)

# The gateway is called after the commit.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> API:
    """A client that may view and change orders."""
    return API(staff("view_order", "change_order", "view_event"))


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    return install_bank(monkeypatch)


def send_trigger(api: API, order: Order, trigger: str, **attributes: Any) -> HttpResponse:
    """Send a trigger together with attributes."""
    data = {"type": "orders", "id": order.public_id, "attributes": {trigger: True, **attributes}}
    return api.patch(f"/orders/{order.public_id}", {"data": data})


def errors_of(response: HttpResponse) -> list[tuple[str, str, str]]:
    """Return pointer, key and detail of each error of a 422 response."""
    assert response.status_code == 422
    return [
        (error["source"]["pointer"], error["meta"]["error"], error["detail"])
        for error in errors_in(response)
    ]


def event_names(order: Order) -> list[str]:
    events = Event.objects.filter(resource_type="orders", resource_id=str(order.pk))
    return list(events.values_list("name", flat=True))


def authorizations(order: Order) -> list[str]:
    """Return the statuses of an order's authorizations, oldest first."""
    return list(order.authorizations.values_list("status", flat=True))


REFUSED = (
    "/data/attributes/status",
    "cannot_transition",
    "status - cannot transition from pending to placed",
)


# Placing


def test_place__pending_order_is_placed_and_authorized(api: API, bank: Bank) -> None:
    # given
    order = pending_order(lines=[{"sku": SkuFactory(stock=5), "quantity": 2}])

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert response.status_code == 200
    data, shown = response.json()["data"], api.get(f"/orders/{order.public_id}").json()["data"]
    del data["meta"], shown["meta"]
    assert data == shown
    assert "_place" not in data["attributes"]
    assert stories.statuses(order) == ("placed", "authorized", "unfulfilled")
    assert data["attributes"]["placed_at"] is not None
    assert StockItem.objects.get().reserved == 2
    assert list(order.authorizations.values_list("token", "status")) == [("auth_0", "authorized")]
    event = Event.objects.get()
    assert (event.name, event.who["owner"]["id"]) == ("orders.place", str(api.user.pk))


def test_place__free_order_needs_no_authorization(api: API, bank: Bank) -> None:
    # given
    order = pending_order(
        lines=[{"unit_amount_cents": 0}], options=0, shipping=False, payment_fee=False
    )

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert response.status_code == 200
    assert stories.statuses(order) == ("placed", "free", "unfulfilled")
    assert bank.requested_keys == []


def test_place__draft_is_refused_with_every_reason(api: API, bank: Bank) -> None:
    # given
    order = draft_order(addresses=False)
    before = stories.every_byte(order)

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert errors_in(response)[0] == {
        "title": "cannot transition from draft to placed",
        "detail": "status - cannot transition from draft to placed",
        "code": "VALIDATION_ERROR",
        "status": "422",
        "source": {"pointer": "/data/attributes/status"},
        "meta": {"error": "cannot_transition"},
    }
    assert [pointer for pointer, _key, _detail in errors_of(response)] == [
        "/data/attributes/status",
        "/data/attributes/customer_email",
        "/data/relationships/billing_address",
        "/data/relationships/shipping_address",
        "/data/relationships/payment_source",
    ]
    assert stories.every_byte(order) == before
    assert bank.requested_keys == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda: pending_order(lines=[{"sku": SkuFactory(code="MUG", stock=0)}]),
            ("/data/relationships/line_items", "out_of_stock", "line_items - MUG is out of stock"),
        ),
        (
            lambda: pending_order(coupon=CouponFactory(code="SPRING", expired=True)),
            (
                "/data/attributes/coupon_code",
                "coupon_invalid",
                "coupon_code - SPRING has expired",
            ),
        ),
    ],
)
def test_place__unavailable_item_or_coupon_is_refused_before_authorizing(
    api: API, bank: Bank, make: Callable[[], Order], reason: tuple[str, str, str]
) -> None:
    # given
    order = make()
    before = stories.every_byte(order)

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert errors_of(response) == [REFUSED, reason]
    assert stories.every_byte(order) == before
    assert bank.requested_keys == []


def test_place__declined_card_is_authorized_with_a_new_key_next_time(api: API, bank: Bank) -> None:
    # given
    order = pending_order()
    bank.declines = True
    declined = send_trigger(api, order, "_place")
    bank.declines = False

    # when
    placed = send_trigger(api, order, "_place")

    # then
    unpaid = "/data/relationships/payment_source", "payment_not_authorized"
    assert errors_of(declined) == [REFUSED, (*unpaid, "payment_source - no money")]
    assert placed.status_code == 200
    assert authorizations(order) == ["authorized"]
    assert len(set(bank.requested_keys)) == 2


def test_place__unanswered_authorization_is_repeated_with_the_same_key(
    api: API, bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    order = pending_order()

    def time_out() -> None:
        raise TimeoutError

    bank.during_authorize = time_out

    # when
    refused, placed = send_trigger(api, order, "_place"), send_trigger(api, order, "_place")

    # then
    unpaid = "/data/relationships/payment_source", "payment_not_authorized"
    assert errors_of(refused) == [
        REFUSED,
        (*unpaid, "payment_source - the payment was not authorized"),
    ]
    assert order.public_id in caplog.text
    assert placed.status_code == 200
    assert (len(bank.requested_keys), len(set(bank.requested_keys))) == (2, 1)
    assert authorizations(order) == ["authorized"]


def test_place__voids_when_an_item_sells_out_during_the_authorization(api: API, bank: Bank) -> None:
    # given
    order = pending_order(lines=1)
    stock = StockItem.objects.all()
    bank.during_authorize = lambda: stock.update(quantity=0)

    # when
    refused = send_trigger(api, order, "_place", reference="4711")
    stock.update(quantity=1)
    placed = send_trigger(api, order, "_place")

    # then
    assert [pointer for pointer, _key, _detail in errors_of(refused)] == [
        "/data/attributes/status",
        "/data/relationships/line_items",
    ]
    assert placed.status_code == 200
    assert bank.voided == ["auth_0"]
    assert bank.live == ["auth_1"]
    assert authorizations(order) == ["voided", "authorized"]
    assert event_names(order) == ["orders.place"]


def test_place__order_that_becomes_free_meanwhile_is_placed_without_a_payment(
    api: API, bank: Bank
) -> None:
    # given
    order = pending_order()
    bank.during_authorize = lambda: Order.objects.update(total_amount_with_taxes_cents=0)

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert response.status_code == 200
    assert stories.statuses(order)[:2] == ("placed", "free")
    assert bank.live == []
    assert authorizations(order) == ["voided"]


def test_place__not_within_a_transaction_that_could_forget_the_payment(bank: Bank) -> None:
    # given
    order = pending_order()

    # when
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        checkout.authorize_payments([order.pk])

    # then
    assert bank.requested_keys == []


def test_place__short_grace_still_continues_an_unknown_payment(
    api: API, bank: Bank, settings: LazySettings
) -> None:
    # given
    settings.ORDERS_PAYMENT_GRACE = 30
    order = pending_order()
    checkout.authorize_payments([order.pk])

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert response.status_code == 200
    assert len(set(bank.requested_keys)) == 1
    assert bank.live == ["auth_0"]


def test_place__refused_when_the_total_changes_during_the_authorization(
    api: API, bank: Bank
) -> None:
    # given
    order = pending_order()
    bank.during_authorize = lambda: Order.objects.update(total_amount_with_taxes_cents=1)

    # when
    refused, placed = send_trigger(api, order, "_place"), send_trigger(api, order, "_place")

    # then
    assert errors_of(refused)[1][:2] == (
        "/data/relationships/payment_source",
        "payment_not_authorized",
    )
    assert placed.status_code == 200
    assert bank.live == ["auth_1"]
    assert list(order.authorizations.values_list("token", "amount_cents")) == [
        ("auth_0", order.total_amount_with_taxes_cents),
        ("auth_1", 1),
    ]


def test_place__reuses_the_authorization_of_a_killed_process(api: API, bank: Bank) -> None:
    # given
    order = pending_order()
    checkout.authorize_payments([order.pk])

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert response.status_code == 200
    assert (len(bank.requested_keys), len(set(bank.requested_keys))) == (2, 1)
    assert bank.live == ["auth_0"]
    assert bank.voided == []


def test_place__crash_voids_the_authorization(
    api: API, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order = pending_order()

    def crash(*_arguments: Any, **_keywords: Any) -> None:
        raise RuntimeError

    # when
    with monkeypatch.context() as context:
        context.setattr("orders.lifecycle.placing.write_transition", crash)
        crashed = send_trigger(api, order, "_place", reference="4711")
    order.refresh_from_db()
    after_the_crash = order.reference, order.status, authorizations(order), bank.live
    placed = send_trigger(api, order, "_place")

    # then
    assert (crashed.status_code, placed.status_code) == (500, 200)
    assert after_the_crash == (None, "pending", ["voided"], [])
    assert bank.live == ["auth_1"]


def test_place__authorization_of_a_deleted_order_is_voided(api: API, bank: Bank) -> None:
    # given
    order = pending_order()

    def delete() -> None:
        Order.objects.get(pk=order.pk).delete()

    bank.during_authorize = delete

    # when
    response = send_trigger(api, order, "_place")
    void_unused(get_shop(), {})

    # then
    assert response.status_code == 404
    assert bank.voided == ["auth_0"]
    assert not OpenPayment.objects.exists()


# Unanswered authorizations: the bank has authorized, and its response was lost


def void_after_an_hour() -> None:
    """Make everything due since an hour, and run the cleanup of a worker."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    OpenPayment.objects.update(due_at=an_hour_ago)
    Authorization.objects.update(due_at=an_hour_ago)
    void_unused(get_shop(), {})
    void_due()


def change_card(order: Order) -> None:
    order.payment_source = PaymentSourceFactory()
    order.save()


@pytest.mark.parametrize(
    ("next_attempt", "live", "statuses"),
    [
        (lambda api, order: None, [], []),
        (
            lambda api, order: (change_card(order), send_trigger(api, order, "_place")),
            ["auth_1"],
            ["authorized"],
        ),
        (
            lambda api, order: Order.objects.update(status="cancelled"),
            [],
            [],
        ),
        (lambda api, order: send_trigger(api, order, "_place"), ["auth_0"], ["authorized"]),
    ],
    ids=["none", "another card", "cancelled", "the same card"],
)
def test_unanswered_authorization__voided_unless_the_next_attempt_reuses_it(
    api: API,
    bank: Bank,
    next_attempt: Callable[[API, Order], Any],
    live: list[str],
    statuses: list[str],
) -> None:
    # given
    order = pending_order()
    checkout.authorize_payments([order.pk])

    # when
    next_attempt(api, order)
    void_after_an_hour()

    # then
    assert bank.live == live
    assert authorizations(order) == statuses
    assert not Authorization.objects.filter(status="voided", voided_at=None).exists()
    assert not OpenPayment.objects.exists()


def test_void_due__leaves_an_authorization_that_is_being_requested(api: API, bank: Bank) -> None:
    # given
    order = pending_order()
    bank.during_authorize = void_due

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert response.status_code == 200
    assert (len(bank.requested_keys), bank.voided) == (1, [])


def test_place__refused_when_the_authorization_was_voided_before_its_response(
    api: API, bank: Bank
) -> None:
    # given
    order = pending_order()
    bank.during_authorize = void_after_an_hour

    # when
    refused, placed = send_trigger(api, order, "_place"), send_trigger(api, order, "_place")

    # then
    assert errors_of(refused)[1][:2] == (
        "/data/relationships/payment_source",
        "payment_not_authorized",
    )
    assert placed.status_code == 200
    assert bank.voided == ["auth_0"]
    assert bank.live == ["auth_1"]
    assert authorizations(order) == ["authorized"]


@pytest.mark.parametrize(
    "reuse",
    [
        lambda api, order: send_trigger(api, order, "_place"),
        lambda _api, order: checkout.authorize_payments([order.pk]),
    ],
    ids=["placed", "in progress"],
)
def test_unanswered_authorization__attempt_while_it_is_voided_gets_a_new_one(
    api: API, bank: Bank, reuse: Callable[[API, Order], Any]
) -> None:
    # given
    order = pending_order()
    checkout.authorize_payments([order.pk])

    # when
    bank.during_authorize = lambda: reuse(api, order)
    void_after_an_hour()
    send_trigger(api, order, "_place")

    # then
    assert (bank.live, bank.voided) == (["auth_1"], ["auth_0"])
    assert stories.statuses(order)[0] == "placed"
    assert authorizations(order) == ["authorized"]


def test_place__settles_the_authorization_in_its_transaction(bank: Bank) -> None:
    # given
    order = pending_order()
    payments = checkout.authorize_payments([order.pk])

    # when
    with transaction.atomic():
        problems = checkout.place([order.pk], who=stories.WHO, payments=payments)

    # then
    assert problems == [[]]
    assert authorizations(order) == ["authorized"]


def test_place__card_declined_without_a_response_is_authorized_with_a_new_key(
    api: API, bank: Bank
) -> None:
    # given
    order = pending_order()
    bank.declines = True
    checkout.authorize_payments([order.pk])
    void_after_an_hour()
    bank.declines = False

    # when
    placed = send_trigger(api, order, "_place")

    # then
    assert placed.status_code == 200
    assert authorizations(order) == ["authorized"]


# Concurrent requests: the second one runs while the first one waits for the bank


def test_place__two_requests_at_once_place_the_order_once(api: API, bank: Bank) -> None:
    # given
    order = pending_order(lines=1)
    responses = []
    bank.during_authorize = lambda: responses.append(send_trigger(api, order, "_place"))

    # when
    responses.append(send_trigger(api, order, "_place"))

    # then
    assert [response.status_code for response in responses] == [200, 200]
    assert len(set(bank.requested_keys)) == 1
    assert bank.voided == []
    assert authorizations(order) == ["authorized"]
    assert event_names(order) == ["orders.place"]
    assert StockItem.objects.get().reserved == 1


def test_place__refused_when_another_request_voided_the_authorization(api: API, bank: Bank) -> None:
    # given
    order = pending_order(lines=1)
    stock = StockItem.objects.all()

    def another_request_is_refused() -> None:
        bank.during_authorize = lambda: stock.update(quantity=0)
        send_trigger(api, order, "_place")
        stock.update(quantity=1)

    bank.during_authorize = another_request_is_refused

    # when
    refused = send_trigger(api, order, "_place")
    placed = send_trigger(api, order, "_place")

    # then
    assert errors_of(refused)[1][:2] == (
        "/data/relationships/payment_source",
        "payment_not_authorized",
    )
    assert placed.status_code == 200
    assert bank.voided == ["auth_0"]
    assert bank.live == ["auth_1"]
    assert authorizations(order) == ["voided", "authorized"]


def test_place__order_cancelled_by_another_request_stays_cancelled(api: API, bank: Bank) -> None:
    # given
    order = pending_order()

    def place_and_cancel() -> None:
        send_trigger(api, order, "_place")
        send_trigger(api, order, "_cancel")

    bank.during_authorize = place_and_cancel

    # when
    response = send_trigger(api, order, "_place")

    # then
    assert errors_of(response) == [
        (
            "/data/attributes/status",
            "cannot_transition",
            "status - cannot transition from cancelled to placed",
        )
    ]
    assert bank.voided == ["auth_0"]
    assert bank.live == []
    assert authorizations(order) == ["voided"]


# Other triggers


def test_cancel__releases_stock_and_voids_the_authorization(api: API, bank: Bank) -> None:
    # given
    order = pending_order(lines=1)
    send_trigger(api, order, "_place")

    # when
    response = send_trigger(api, order, "_cancel")

    # then
    assert response.json()["data"]["attributes"]["status"] == "cancelled"
    assert stories.statuses(order) == ("cancelled", "voided", "unfulfilled")
    assert StockItem.objects.get().reserved == 0
    assert bank.live == []
    assert event_names(order) == ["orders.place", "orders.cancel"]


def test_approve_archive_unarchive__in_turn(api: API) -> None:
    # given
    order = placed_order()

    # when
    shown = [
        send_trigger(api, order, trigger).json()["data"]["attributes"]
        for trigger in ("_approve", "_archive", "_unarchive")
    ]

    # then
    assert [attributes["status"] for attributes in shown] == ["approved"] * 3
    assert [bool(attributes["archived_at"]) for attributes in shown] == [False, True, False]
    assert event_names(order) == ["orders.approve", "", ""]


@pytest.mark.parametrize(
    ("make", "trigger"),
    [
        (placed_order, "_place"),
        (cancelled_order, "_cancel"),
        (lambda: placed_order(status="approved"), "_approve"),
        (lambda: placed_order(archived_at="2024-03-02T00:00:00Z"), "_archive"),
        (placed_order, "_unarchive"),
    ],
)
def test_trigger__repeated_has_no_further_effect(
    api: API, bank: Bank, make: Callable[[], Order], trigger: str
) -> None:
    # given
    order = make()
    before = stories.every_byte(order)

    # when
    response = send_trigger(api, order, trigger)

    # then
    assert response.status_code == 200
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()
    assert bank.requested_keys == bank.voided == []


@pytest.mark.parametrize(
    ("make", "trigger", "errors"),
    [
        (draft_order, "_cancel", {"status": "cannot transition from draft to cancelled"}),
        (
            lambda: placed_order(payment_status="paid"),
            "_cancel",
            {
                "status": "cannot transition from placed to cancelled",
                "payment_status": "cannot be cancelled once it is paid: refund it first",
            },
        ),
        (pending_order, "_approve", {"status": "cannot transition from pending to approved"}),
        (
            pending_order,
            "_archive",
            {"status": "cannot be archived while it is pending: place or cancel it first"},
        ),
    ],
)
def test_trigger__forbidden_transition_is_refused_with_its_reasons(
    api: API, make: Callable[[], Order], trigger: str, errors: dict[str, str]
) -> None:
    # given
    order = make()
    before = stories.every_byte(order)

    # when
    response = send_trigger(api, order, trigger, reference="4711")

    # then
    assert [(pointer, detail) for pointer, _key, detail in errors_of(response)] == [
        (f"/data/attributes/{name}", f"{name} - {message}") for name, message in errors.items()
    ]
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()


def test_trigger__applied_together_with_attributes(api: API, bank: Bank) -> None:
    # given
    order = pending_order()

    # when
    response = send_trigger(
        api, order, "_place", reference="4711", cart_url="https://shop.example/c"
    )

    # then
    attributes = response.json()["data"]["attributes"]
    assert (attributes["status"], attributes["reference"]) == ("placed", "4711")
    assert attributes["cart_url"] == "https://shop.example/c"
    change, place = Event.objects.order_by("pk")
    assert (change.name, place.name) == ("", "orders.place")
    assert change.changes == {
        "reference": {"from": None, "to": "4711"},
        "cart_url": {"from": "", "to": "https://shop.example/c"},
    }


@pytest.mark.parametrize("value", [False, None])
def test_trigger__false_or_null_does_nothing(api: API, bank: Bank, value: Any) -> None:
    # given
    order = pending_order()

    # when
    data = {"type": "orders", "id": order.public_id, "attributes": {"_place": value}}
    response = api.patch(f"/orders/{order.public_id}", {"data": data})

    # then
    assert response.status_code == 200
    assert stories.statuses(order)[0] == "pending"
    assert not Event.objects.exists()


# Permissions


STAFF = ["view_order", "change_order"]
ALL = {"_place", "_cancel", "_approve", "_archive", "_unarchive"}


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("staff", ALL),
        ("owner", ALL - {"_approve"}),
        ("owner who may view all orders", set()),
        ("viewer", set()),
    ],
)
@pytest.mark.parametrize("trigger", sorted(ALL))
def test_trigger__permissions_of_each_user(
    bank: Bank, who: str, allowed: set[str], trigger: str
) -> None:
    # given
    order = pending_order() if trigger == "_place" else placed_order()
    users: dict[str, Callable[[], Any]] = {
        "staff": lambda: staff(*STAFF),
        "owner": lambda: shopper(order.customer),
        "owner who may view all orders": lambda: permitted(shopper(order.customer), "view_order"),
        "viewer": lambda: staff("view_order"),
    }
    api = API(users[who]())
    before = stories.every_byte(order)

    # when
    response = send_trigger(api, order, trigger)

    # then
    if trigger in allowed:
        assert response.status_code == 200
    else:
        assert the_error_in(response) == (401, "UNAUTHORIZED", None)
        assert stories.every_byte(order) == before
        assert bank.requested_keys == []


def permitted(user: Any, codename: str) -> Any:
    user.user_permissions.set(staff(codename).user_permissions.all())
    return user


@pytest.mark.parametrize("permissions", [[], ["change_order"]])
def test_trigger__orders_of_others_are_not_found(bank: Bank, permissions: list[str]) -> None:
    # given
    mine, order = pending_order(), pending_order()
    user = shopper(mine.customer)
    user.user_permissions.set(staff(*permissions or ["view_sku"]).user_permissions.all())

    # when
    response = send_trigger(API(user), order, "_place")

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)
    assert bank.requested_keys == []


def test_place__leaves_one_authorization_per_order(api: API, bank: Bank) -> None:
    orders = [pending_order(), pending_order()]

    for order in orders:
        send_trigger(api, order, "_place")

    assert list(Authorization.objects.values_list("token", flat=True)) == ["auth_0", "auth_1"]
