"""Story: clients place, cancel, approve and archive orders by sending triggers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
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
from tests.bank import Bank, open_bank
from tests.factories import (
    CouponFactory,
    PaymentSourceFactory,
    SkuFactory,
    cancelled_order,
    draft_order,
    pending_order,
    placed_order,
)

# What is told to the gateway is told after the commit.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> API:
    """A member of staff who may change orders."""
    return API(staff("view_order", "change_order", "view_event"))


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    return open_bank(monkeypatch)


def pull(api: API, order: Order, trigger: str, **attributes: Any) -> HttpResponse:
    """Send a trigger, and attributes with it."""
    data = {"type": "orders", "id": order.public_id, "attributes": {trigger: True, **attributes}}
    return api.patch(f"/orders/{order.public_id}", {"data": data})


def told(response: HttpResponse) -> list[tuple[str, str, str]]:
    """The errors of an answer: pointer, key and detail."""
    assert response.status_code == 422
    return [
        (error["source"]["pointer"], error["meta"]["error"], error["detail"])
        for error in errors_in(response)
    ]


def topics(order: Order) -> list[str]:
    events = Event.objects.filter(resource_type="orders", resource_id=str(order.pk))
    return list(events.values_list("name", flat=True))


def authorizations(order: Order) -> list[str]:
    """How the authorizations of an order stand, in the order of their making."""
    return list(order.authorizations.values_list("status", flat=True))


REFUSED = (
    "/data/attributes/status",
    "cannot_transition",
    "status - cannot transition from pending to placed",
)


# Placing


def test_a_pending_order_is_placed_and_paid_for(api: API, bank: Bank) -> None:
    order = pending_order(lines=[{"sku": SkuFactory(stock=5), "quantity": 2}])

    response = pull(api, order, "_place")

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


def test_an_order_that_costs_nothing_is_placed_without_asking_for_money(
    api: API, bank: Bank
) -> None:
    order = pending_order(
        lines=[{"unit_amount_cents": 0}], options=0, shipping=False, payment_fee=False
    )

    response = pull(api, order, "_place")

    assert response.status_code == 200
    assert stories.statuses(order) == ("placed", "free", "unfulfilled")
    assert bank.asked == []


def test_a_draft_says_all_that_it_lacks(api: API, bank: Bank) -> None:
    order = draft_order(addresses=False)
    before = stories.every_byte(order)

    response = pull(api, order, "_place")

    assert errors_in(response)[0] == {
        "title": "cannot transition from draft to placed",
        "detail": "status - cannot transition from draft to placed",
        "code": "VALIDATION_ERROR",
        "status": "422",
        "source": {"pointer": "/data/attributes/status"},
        "meta": {"error": "cannot_transition"},
    }
    assert [pointer for pointer, _key, _detail in told(response)] == [
        "/data/attributes/status",
        "/data/attributes/customer_email",
        "/data/relationships/billing_address",
        "/data/relationships/shipping_address",
        "/data/relationships/payment_source",
    ]
    assert stories.every_byte(order) == before
    assert bank.asked == []


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
def test_what_cannot_be_had_is_told_before_anybody_is_asked_for_money(
    api: API, bank: Bank, make: Callable[[], Order], reason: tuple[str, str, str]
) -> None:
    order = make()
    before = stories.every_byte(order)

    response = pull(api, order, "_place")

    assert told(response) == [REFUSED, reason]
    assert stories.every_byte(order) == before
    assert bank.asked == []


def test_a_declined_card_is_asked_anew_the_next_time(api: API, bank: Bank) -> None:
    order = pending_order()
    bank.declines = True
    declined = pull(api, order, "_place")
    bank.declines = False

    placed = pull(api, order, "_place")

    unpaid = "/data/relationships/payment_source", "payment_not_authorized"
    assert told(declined) == [REFUSED, (*unpaid, "payment_source - no money")]
    assert placed.status_code == 200
    assert authorizations(order) == ["authorized"]
    assert len(set(bank.asked)) == 2


def test_a_gateway_that_does_not_answer_is_asked_the_same_the_next_time(
    api: API, bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    order = pending_order()

    def time_out() -> None:
        raise TimeoutError

    bank.meanwhile = time_out
    refused, placed = pull(api, order, "_place"), pull(api, order, "_place")

    unpaid = "/data/relationships/payment_source", "payment_not_authorized"
    assert told(refused) == [
        REFUSED,
        (*unpaid, "payment_source - the payment was not authorized"),
    ]
    assert order.public_id in caplog.text
    assert placed.status_code == 200
    assert (len(bank.asked), len(set(bank.asked))) == (2, 1)
    assert authorizations(order) == ["authorized"]


def test_what_sells_out_while_the_money_is_asked_for_gives_the_money_back(
    api: API, bank: Bank
) -> None:
    order = pending_order(lines=1)
    stock = StockItem.objects.all()
    bank.meanwhile = lambda: stock.update(quantity=0)

    refused = pull(api, order, "_place", reference="4711")
    stock.update(quantity=1)
    placed = pull(api, order, "_place")

    assert [pointer for pointer, _key, _detail in told(refused)] == [
        "/data/attributes/status",
        "/data/relationships/line_items",
    ]
    assert placed.status_code == 200
    assert bank.voided == ["auth_0"]
    assert bank.live == ["auth_1"]
    assert authorizations(order) == ["voided", "authorized"]
    assert topics(order) == ["orders.place"]


def test_an_order_that_becomes_dearer_while_the_money_is_asked_for_is_not_placed(
    api: API, bank: Bank
) -> None:
    order = pending_order()
    bank.meanwhile = lambda: Order.objects.update(total_amount_with_taxes_cents=1)

    refused, placed = pull(api, order, "_place"), pull(api, order, "_place")

    assert told(refused)[1][:2] == ("/data/relationships/payment_source", "payment_not_authorized")
    assert placed.status_code == 200
    assert bank.live == ["auth_1"]
    assert list(order.authorizations.values_list("token", "amount_cents")) == [
        ("auth_0", order.total_amount_with_taxes_cents),
        ("auth_1", 1),
    ]


def test_a_process_that_dies_after_asking_for_the_money_is_taken_up_by_the_next(
    api: API, bank: Bank
) -> None:
    order = pending_order()
    checkout.authorize([order.pk])

    response = pull(api, order, "_place")

    assert response.status_code == 200
    assert (len(bank.asked), len(set(bank.asked))) == (2, 1)
    assert bank.live == ["auth_0"]
    assert bank.voided == []


def test_a_crash_while_placing_gives_the_money_back(
    api: API, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = pending_order()

    def crash(*_arguments: Any, **_keywords: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as context:
        context.setattr("orders.lifecycle.placing.write_transition", crash)
        crashed = pull(api, order, "_place", reference="4711")
    order.refresh_from_db()
    after_the_crash = order.reference, order.status, authorizations(order), bank.live
    placed = pull(api, order, "_place")

    assert (crashed.status_code, placed.status_code) == (500, 200)
    assert after_the_crash == (None, "pending", ["voided"], [])
    assert bank.live == ["auth_1"]


def test_place__payment_of_an_order_that_is_deleted_meanwhile_is_voided(
    api: API, bank: Bank
) -> None:
    # given
    order = pending_order()

    def delete() -> None:
        Order.objects.get(pk=order.pk).delete()

    bank.meanwhile = delete

    # when
    response = pull(api, order, "_place")
    void_unused(get_shop(), {})

    # then
    assert response.status_code == 404
    assert bank.voided == ["auth_0"]
    assert not OpenPayment.objects.exists()


# What nobody knows of: the bank has authorized, and its answer got lost


def an_hour_later() -> None:
    """Let an hour pass, and a worker void what is due."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    OpenPayment.objects.update(due_at=an_hour_ago)
    Authorization.objects.update(due_at=an_hour_ago)
    void_unused(get_shop(), {})
    void_due()


def another_card(order: Order) -> None:
    order.payment_source = PaymentSourceFactory()
    order.save()


@pytest.mark.parametrize(
    ("next_try", "live", "statuses"),
    [
        (lambda api, order: None, [], []),
        (
            lambda api, order: (another_card(order), pull(api, order, "_place")),
            ["auth_1"],
            ["authorized"],
        ),
        (
            lambda api, order: Order.objects.update(status="cancelled"),
            [],
            [],
        ),
        (lambda api, order: pull(api, order, "_place"), ["auth_0"], ["authorized"]),
    ],
    ids=["nothing", "another card", "cancelled", "the same card"],
)
def test_money_whose_promise_got_lost_is_given_back_unless_the_next_try_takes_it_up(
    api: API,
    bank: Bank,
    next_try: Callable[[API, Order], Any],
    live: list[str],
    statuses: list[str],
) -> None:
    order = pending_order()
    checkout.authorize([order.pk])

    next_try(api, order)
    an_hour_later()

    assert bank.live == live
    assert authorizations(order) == statuses
    assert not Authorization.objects.filter(status="voided", voided_at=None).exists()
    assert not OpenPayment.objects.exists()


def test_money_that_is_being_asked_for_is_not_given_back(api: API, bank: Bank) -> None:
    order = pending_order()
    bank.meanwhile = void_due

    response = pull(api, order, "_place")

    assert response.status_code == 200
    assert (len(bank.asked), bank.voided) == (1, [])


def test_money_that_was_given_back_while_its_answer_was_waited_for_is_not_used(
    api: API, bank: Bank
) -> None:
    order = pending_order()
    bank.meanwhile = an_hour_later

    refused, placed = pull(api, order, "_place"), pull(api, order, "_place")

    assert told(refused)[1][:2] == ("/data/relationships/payment_source", "payment_not_authorized")
    assert placed.status_code == 200
    assert bank.voided == ["auth_0"]
    assert bank.live == ["auth_1"]
    assert authorizations(order) == ["authorized"]


@pytest.mark.parametrize(
    "take_up",
    [
        lambda api, order: pull(api, order, "_place"),
        lambda _api, order: checkout.authorize([order.pk]),
    ],
    ids=["and is through", "and is on its way"],
)
def test_unknown_payment__attempt_while_it_is_voided_gets_a_new_one(
    api: API, bank: Bank, take_up: Callable[[API, Order], Any]
) -> None:
    order = pending_order()
    checkout.authorize([order.pk])

    bank.meanwhile = lambda: take_up(api, order)
    an_hour_later()
    pull(api, order, "_place")

    assert (bank.live, bank.voided) == (["auth_1"], ["auth_0"])
    assert stories.statuses(order)[0] == "placed"
    assert authorizations(order) == ["authorized"]


def test_a_process_that_dies_after_placing_leaves_nothing_to_find_out(bank: Bank) -> None:
    order = pending_order()
    payments = checkout.authorize([order.pk])

    answers = checkout.place([order.pk], who=stories.WHO, payments=payments)

    assert answers == [[]]
    assert authorizations(order) == ["authorized"]


def test_a_card_that_was_declined_unheard_is_asked_anew_the_next_time(api: API, bank: Bank) -> None:
    order = pending_order()
    bank.declines = True
    checkout.authorize([order.pk])
    an_hour_later()
    bank.declines = False

    placed = pull(api, order, "_place")

    assert placed.status_code == 200
    assert authorizations(order) == ["authorized"]


# Two at the same time: what the second does while the first waits for the bank


def test_two_clicks_at_once_are_one_order_placed_once(api: API, bank: Bank) -> None:
    order = pending_order(lines=1)
    answers = []
    bank.meanwhile = lambda: answers.append(pull(api, order, "_place"))

    answers.append(pull(api, order, "_place"))

    assert [response.status_code for response in answers] == [200, 200]
    assert len(set(bank.asked)) == 1
    assert bank.voided == []
    assert authorizations(order) == ["authorized"]
    assert topics(order) == ["orders.place"]
    assert StockItem.objects.get().reserved == 1


def test_an_authorization_that_another_click_gave_back_is_not_used(api: API, bank: Bank) -> None:
    order = pending_order(lines=1)
    stock = StockItem.objects.all()

    def another_click_is_refused() -> None:
        bank.meanwhile = lambda: stock.update(quantity=0)
        pull(api, order, "_place")
        stock.update(quantity=1)

    bank.meanwhile = another_click_is_refused
    refused = pull(api, order, "_place")
    placed = pull(api, order, "_place")

    assert told(refused)[1][:2] == ("/data/relationships/payment_source", "payment_not_authorized")
    assert placed.status_code == 200
    assert bank.voided == ["auth_0"]
    assert bank.live == ["auth_1"]
    assert authorizations(order) == ["voided", "authorized"]


def test_an_order_placed_and_cancelled_meanwhile_stays_cancelled(api: API, bank: Bank) -> None:
    order = pending_order()

    def another_places_and_cancels() -> None:
        pull(api, order, "_place")
        pull(api, order, "_cancel")

    bank.meanwhile = another_places_and_cancels
    response = pull(api, order, "_place")

    assert told(response) == [
        (
            "/data/attributes/status",
            "cannot_transition",
            "status - cannot transition from cancelled to placed",
        )
    ]
    assert bank.voided == ["auth_0"]
    assert bank.live == []
    assert authorizations(order) == ["voided"]


# The other moves


def test_cancelling_gives_everything_back(api: API, bank: Bank) -> None:
    order = pending_order(lines=1)
    pull(api, order, "_place")

    response = pull(api, order, "_cancel")

    assert response.json()["data"]["attributes"]["status"] == "cancelled"
    assert stories.statuses(order) == ("cancelled", "voided", "unfulfilled")
    assert StockItem.objects.get().reserved == 0
    assert bank.live == []
    assert topics(order) == ["orders.place", "orders.cancel"]


def test_an_order_is_approved_archived_and_taken_out_again(api: API) -> None:
    order = placed_order()

    shown = [
        pull(api, order, trigger).json()["data"]["attributes"]
        for trigger in ("_approve", "_archive", "_unarchive")
    ]

    assert [attributes["status"] for attributes in shown] == ["approved"] * 3
    assert [bool(attributes["archived_at"]) for attributes in shown] == [False, True, False]
    assert topics(order) == ["orders.approve", "", ""]


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
def test_a_move_made_again_has_no_further_effect(
    api: API, bank: Bank, make: Callable[[], Order], trigger: str
) -> None:
    order = make()
    before = stories.every_byte(order)

    response = pull(api, order, trigger)

    assert response.status_code == 200
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()
    assert bank.asked == bank.voided == []


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
def test_a_forbidden_move_is_refused_with_its_reasons(
    api: API, make: Callable[[], Order], trigger: str, errors: dict[str, str]
) -> None:
    order = make()
    before = stories.every_byte(order)

    response = pull(api, order, trigger, reference="4711")

    assert [(pointer, detail) for pointer, _key, detail in told(response)] == [
        (f"/data/attributes/{name}", f"{name} - {message}") for name, message in errors.items()
    ]
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()


def test_attributes_and_trigger_of_one_request_are_done_together(api: API, bank: Bank) -> None:
    order = pending_order()

    response = pull(api, order, "_place", reference="4711", cart_url="https://shop.example/c")

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
def test_a_trigger_that_is_not_pulled_does_nothing(api: API, bank: Bank, value: Any) -> None:
    order = pending_order()

    data = {"type": "orders", "id": order.public_id, "attributes": {"_place": value}}
    response = api.patch(f"/orders/{order.public_id}", {"data": data})

    assert response.status_code == 200
    assert stories.statuses(order)[0] == "pending"
    assert not Event.objects.exists()


# Who may


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
def test_who_may_make_which_move(bank: Bank, who: str, allowed: set[str], trigger: str) -> None:
    order = pending_order() if trigger == "_place" else placed_order()
    users: dict[str, Callable[[], Any]] = {
        "staff": lambda: staff(*STAFF),
        "owner": lambda: shopper(order.customer),
        "owner who may view all orders": lambda: permitted(shopper(order.customer), "view_order"),
        "viewer": lambda: staff("view_order"),
    }
    api = API(users[who]())
    before = stories.every_byte(order)

    response = pull(api, order, trigger)

    if trigger in allowed:
        assert response.status_code == 200
    else:
        assert the_error_in(response) == (401, "UNAUTHORIZED", None)
        assert stories.every_byte(order) == before
        assert bank.asked == []


def permitted(user: Any, codename: str) -> Any:
    user.user_permissions.set(staff(codename).user_permissions.all())
    return user


@pytest.mark.parametrize("permissions", [[], ["change_order"]])
def test_the_orders_of_others_are_not_found(bank: Bank, permissions: list[str]) -> None:
    mine, order = pending_order(), pending_order()
    user = shopper(mine.customer)
    user.user_permissions.set(staff(*permissions or ["view_sku"]).user_permissions.all())

    response = pull(API(user), order, "_place")

    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)
    assert bank.asked == []


def test_nothing_but_the_live_authorization_is_one(api: API, bank: Bank) -> None:
    orders = [pending_order(), pending_order()]

    for order in orders:
        pull(api, order, "_place")

    assert list(Authorization.objects.values_list("token", flat=True)) == ["auth_0", "auth_1"]
