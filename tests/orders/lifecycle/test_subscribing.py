"""Subscriptions to the lines of orders: created by strategy, activated and cancelled with them."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies.events.models import Event
from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.shops import get_shop
from order_copies.subscriptions import changes
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Order
from tests import stories
from tests.api import API, PERMISSIONS, staff
from tests.factories import (
    SkuFactory,
    cancelled_order,
    draft_order,
    pending_order,
    placed_order,
)
from tests.subscriptions import (
    activated,
    create_subscriptions,
    subscription_market,
    subscription_model,
    subscriptions_of,
)

pytestmark = pytest.mark.django_db

#: Two lines each week, one each month, one once.
LINES = [
    {"frequency": "weekly", "quantity": 2, "unit_amount_cents": 1290},
    {"frequency": "monthly", "unit_amount_cents": 890},
    {"frequency": "weekly", "unit_amount_cents": 450},
    {},
]


def an_order(make: Any = placed_order, *, model: Any = None, **values: Any) -> Order:
    market = subscription_market(model)
    order: Order = make(**{"market": market, "lines": LINES} | values)
    return order


def items(one: OrderSubscription) -> list[tuple[Any, ...]]:
    names = ("sku_code", "quantity", "unit_amount_cents", "source_line_item_key")
    return list(one.order_subscription_items.order_by("pk").values_list(*names))


def item_row(line: Any) -> tuple[Any, ...]:
    return (line.sku_code, line.quantity, line.unit_amount_cents, str(line.pk))


def codes(refusals: list[list[Any]]) -> list[list[tuple[str, str]]]:
    return [[(one.attribute, one.code) for one in problems] for problems in refusals]


def event_names(order: Order) -> list[str]:
    events = Event.objects.filter(resource_type="orders", resource_id=str(order.pk))
    return list(events.order_by("pk").values_list("name", flat=True))


def statuses_of(order: Order) -> list[str]:
    return [one.status for one in subscriptions_of(order)]


# Creating


def test_create_subscriptions__one_for_each_frequency() -> None:
    # given
    order = an_order()
    lines = order.line_items.order_by("pk")

    # when
    refusals = create_subscriptions(order)

    # then
    weekly, monthly = subscriptions_of(order)
    assert refusals == [[]]
    assert [one.frequency for one in (weekly, monthly)] == ["weekly", "monthly"]
    assert items(weekly) == [item_row(lines[0]), item_row(lines[2])]
    assert items(monthly) == [item_row(lines[1])]
    assert {one.status for one in (weekly, monthly)} == {"active"}
    assert weekly.subscription_model == order.market.subscription_model
    assert weekly.customer_email == order.customer_email


def test_create_subscriptions__one_for_each_line() -> None:
    # given
    order = an_order(model=subscription_model(strategy="by_line_items"))
    lines = order.line_items.order_by("pk")

    # when
    create_subscriptions(order)

    # then
    found = subscriptions_of(order)
    assert [items(one) for one in found] == [[item_row(line)] for line in lines[:3]]
    assert [one.frequency for one in found] == ["weekly", "monthly", "weekly"]


def test_create_subscriptions__order_has_its_instant_and_its_event() -> None:
    # given
    order, before = an_order(), timezone.now()

    # when
    create_subscriptions(order)

    # then
    order.refresh_from_db()
    event = Event.objects.get(name="orders.create_subscriptions")
    ids = [one.public_id for one in subscriptions_of(order)]
    assert before <= order.subscription_created_at <= timezone.now()
    assert event.resource_id == str(order.pk)
    assert event.who == stories.WHO
    assert event.changes["order_subscriptions"] == {"from": None, "to": ids}
    assert event.changes["subscription_created_at"]["from"] is None


@pytest.mark.parametrize("strategy", SubscriptionModel.Strategy.values)
def test_create_subscriptions__repeated_has_no_effect(strategy: str) -> None:
    # given
    order = an_order(model=subscription_model(strategy=strategy))
    create_subscriptions(order)
    changes.cancel(subscriptions_of(order)[:1], actor=stories.WHO)
    before = stories.whole_database()

    # when
    refusals = create_subscriptions(order)

    # then
    assert refusals == [[]]
    assert stories.whole_database() == before


@pytest.mark.parametrize(("strategy", "count"), [("by_frequency", 2), ("by_line_items", 4)])
def test_create_subscriptions__lines_that_got_a_frequency_later(strategy: str, count: int) -> None:
    # given
    order = an_order(model=subscription_model(strategy=strategy))
    create_subscriptions(order)
    instant = Order.objects.get(pk=order.pk).subscription_created_at
    order.line_items.filter(item_type="skus", frequency="").update(frequency="monthly")

    # when
    create_subscriptions(order)

    # then
    assert len(subscriptions_of(order)) == count
    assert Order.objects.get(pk=order.pk).subscription_created_at == instant


def test_create_subscriptions__legacy_names_and_spaces_are_one_frequency() -> None:
    # given
    model = subscription_model(frequencies=["two-months", "0 9 * * mon"])
    names = ["two-month", "two-months", "0  9 * * MON", "0 9 * * mon"]
    order = an_order(model=model, lines=[{"frequency": name} for name in names])

    # when
    refusals = create_subscriptions(order)

    # then
    assert refusals == [[]]
    assert [one.frequency for one in subscriptions_of(order)] == ["two-month", "0 9 * * MON"]


@pytest.mark.parametrize(
    ("make", "values", "refusal"),
    [
        (placed_order, {"lines": [{"frequency": "daily"}]}, ("line_items", "inclusion")),
        (placed_order, {"lines": [{"frequency": "* * *"}]}, ("line_items", "inclusion")),
        (placed_order, {"lines": [{}]}, ("line_items", "no_frequency")),
        (
            placed_order,
            {"lines": [{"frequency": "weekly", "sku": None}]},
            ("line_items", "no_frequency"),
        ),
        (draft_order, {}, ("customer", "guest")),
        (placed_order, {"guest": True}, ("customer", "guest")),
        (cancelled_order, {}, ("status", "cancelled")),
    ],
)
def test_create_subscriptions__refused_order_stays_as_it_is(
    make: Any, values: dict[str, Any], refusal: tuple[str, str]
) -> None:
    # given
    order = an_order(make, **values)
    before = stories.whole_database()

    # when
    refusals = create_subscriptions(order)

    # then
    assert codes(refusals) == [[refusal]]
    assert stories.whole_database() == before


def test_create_subscriptions__market_without_a_model_is_refused() -> None:
    # given
    order = placed_order(lines=LINES)

    # when
    [[problem]] = create_subscriptions(order)

    # then
    assert (problem.attribute, problem.code) == ("market", "no_subscription_model")
    assert "POST /order_subscriptions" in problem.message


def test_create_subscriptions__one_refused_line_creates_nothing() -> None:
    # given: a price below zero, which no subscription can have
    lines = [{"frequency": "weekly"}, {"frequency": "monthly", "unit_amount_cents": -1}]
    order, other = an_order(lines=lines), an_order()

    # when
    refusals = create_subscriptions(order, other)

    # then
    assert codes(refusals) == [[("line_items", "greater_than_or_equal_to")], []]
    assert not subscriptions_of(order)
    assert "orders.create_subscriptions" not in event_names(order)
    assert len(subscriptions_of(other)) == 2


def test_create_subscriptions__over_the_api() -> None:
    # given
    order, refused = an_order(), placed_order(lines=LINES)
    user = staff(*PERMISSIONS, "add_ordersubscription")

    def send(order: Order) -> Any:
        attributes = {"_create_subscriptions": True}
        data = {"type": "orders", "id": order.public_id, "attributes": attributes}
        return API(user, scopes=["read", "copy", "place"]).patch(
            f"/orders/{order.public_id}", {"data": data}
        )

    # when
    response, refusal = send(order), send(refused)

    # then
    attributes = json.loads(response.content)["data"]["attributes"]
    [error] = json.loads(refusal.content)["errors"]
    assert attributes["subscription_created_at"]
    assert statuses_of(order) == ["active", "active"]
    assert refusal.status_code == 422
    assert error["source"]["pointer"] == "/data/relationships/market"


# With the order


def test_auto_activate__placing_activates_the_drafts() -> None:
    # given
    order = an_order(pending_order)
    create_subscriptions(order)
    before = statuses_of(order)

    # when
    refusals = stories.placed_by_hand(order)

    # then
    assert refusals == [[]]
    assert (before, statuses_of(order)) == (["draft", "draft"], ["active", "active"])
    assert all(one.next_run_at > timezone.now() for one in subscriptions_of(order))
    activated = Event.objects.filter(name="order_subscriptions.activate")
    assert [event.who for event in activated] == [stories.WHO, stories.WHO]


def test_auto_activate__a_refused_placing_activates_nothing() -> None:
    # given
    order = an_order(pending_order, addresses=False)
    create_subscriptions(order)

    # when
    [problems] = stories.placed_by_hand(order)

    # then
    assert problems
    assert statuses_of(order) == ["draft", "draft"]


@pytest.mark.parametrize("make", [placed_order, pending_order])
def test_auto_activate__without_it_a_person_activates(make: Any) -> None:
    # given
    order = an_order(make, model=subscription_model(auto_activate=False))
    create_subscriptions(order)
    stories.placed_by_hand(order)
    weekly, _monthly = subscriptions_of(order)
    before = statuses_of(order)

    # when
    refusals = changes.activate([weekly], actor=stories.WHO)

    # then
    weekly.refresh_from_db()
    week = timedelta(days=7)
    assert refusals == [[]]
    assert (before, statuses_of(order)) == (["draft", "draft"], ["active", "draft"])
    assert weekly.next_run_at == weekly.starts_at
    assert timezone.now() < weekly.starts_at <= timezone.now() + week


@pytest.mark.parametrize(("auto_cancel", "status"), [(True, "cancelled"), (False, "active")])
def test_auto_cancel__cancelling_the_source_cancels_its_subscriptions(
    auto_cancel: bool, status: str
) -> None:
    # given
    order = an_order(model=subscription_model(auto_cancel=auto_cancel))
    create_subscriptions(order)

    # when
    refusals = run_action(ORDER_ACTIONS["_cancel"], [order.pk], who=stories.WHO)

    # then
    assert refusals == [[]]
    assert statuses_of(order) == [status, status]
    assert ("orders.cancel_subscriptions" in event_names(order)) == auto_cancel


def test_auto_cancel__cancelled_by_a_copy_that_replaces_the_source() -> None:
    # given
    order = an_order(model=subscription_model(auto_cancel=True))
    create_subscriptions(order)

    # when
    order_copy = stories.copied(order, place_target_order=True, cancel_source_order=True)

    # then
    assert order_copy.status == "completed"
    assert statuses_of(order) == ["cancelled", "cancelled"]
    assert event_names(order)[-1] == "orders.cancel_subscriptions"
    assert not subscriptions_of(stories.target_of(order_copy))


def test_auto_cancel__a_refused_cancellation_cancels_nothing() -> None:
    # given
    order = an_order(model=subscription_model(auto_cancel=True), payment_status="paid")
    create_subscriptions(order)

    # when
    [problems] = run_action(ORDER_ACTIONS["_cancel"], [order.pk], who=stories.WHO)

    # then
    assert problems
    assert statuses_of(order) == ["active", "active"]


def test_place_and_cancel__query_count_is_equal_for_one_and_many_subscriptions() -> None:
    # given
    model = subscription_model(auto_cancel=True)
    one = [an_order(pending_order, model=model)]
    many = [an_order(pending_order, model=model) for _ in range(10)]
    create_subscriptions(*one, *many)

    def cost(verb: str, orders: list[Order]) -> int:
        with CaptureQueriesContext(connection) as queries:
            run_action(ORDER_ACTIONS[verb], [order.pk for order in orders], who=stories.WHO)
        return len(queries)

    # when
    costs = [(cost("_place", orders), cost("_cancel", orders)) for orders in (one, many)]

    # then
    assert costs[0] == costs[1]
    assert set(OrderSubscription.objects.values_list("status", flat=True)) == {"cancelled"}


# What the shop says


def test_subscribers__registered_placed_and_the_model_of_the_market() -> None:
    """SELECT the models of the markets."""
    # given
    model = subscription_model()
    market = subscription_market(model)
    orders = [
        placed_order(market=market, lines=1),
        pending_order(lines=1),
        draft_order(lines=1),
        placed_order(lines=1, status="approved"),
        cancelled_order(lines=1),
    ]

    # when
    with CaptureQueriesContext(connection) as queries:
        found = get_shop().subscribers(orders)

    # then
    assert len(queries) == 1
    assert [(one.is_registered, one.is_placed, one.subscription_model) for one in found] == [
        (True, True, model.pk),
        (True, False, None),
        (False, False, None),
        (True, True, None),
        (True, False, None),
    ]
    assert [one.customer_email for one in found] == [order.customer_email for order in orders]


def test_subscription_items__of_all_sku_lines_in_one_query() -> None:
    # given
    sold = {"quantity": 3, "unit_amount_cents": 700, "options": 2}
    lines = [sold, {"quantity": 0}, {"sku": None}, {"item_type": "gift_cards", "sku": None}]
    orders = [placed_order(lines=lines), placed_order(lines=2), placed_order(lines=[])]

    # when
    with CaptureQueriesContext(connection) as queries:
        found = get_shop().subscription_items(orders)

    # then
    assert len(queries) == 1
    assert [len(items) for items in found] == [1, 2, 0]
    [[item], *_others] = found
    line = orders[0].line_items.first()
    assert (item.quantity, item.unit_amount_cents, item.currency_code) == (3, 700, "EUR")
    assert (item.sku_code, item.name) == (line.sku_code, line.name)
    assert item.source_line_item_key == str(line.pk)


def an_item(**values: Any) -> OrderSubscriptionItem:
    one = activated(placed_order(market=subscription_market(), lines=1))
    item = OrderSubscriptionItem(order_subscription=one, quantity=1, **values)
    if "unit_amount_cents" not in values:
        item.unit_amount_cents = None
    return item


def test_complete_item__has_the_name_and_the_price_of_the_sku() -> None:
    # given
    sku = SkuFactory(price=1750)
    item, agreed = an_item(sku_code=sku.code), an_item(sku_code=sku.code, unit_amount_cents=1)

    # when
    problems = [get_shop().complete_item(one) for one in (item, agreed)]

    # then
    assert problems == [[], []]
    assert (item.name, item.currency_code, item.unit_amount_cents) == (sku.name, "EUR", 1750)
    assert agreed.unit_amount_cents == 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"bundle_code": "SET"}, ("bundle_code", "invalid")),
        ({"sku_code": "UNKNOWN"}, ("sku_code", "invalid")),
        ({}, ("sku_code", "invalid")),
        ({"sku_code": "RETIRED"}, ("sku_code", "not_on_sale")),
        ({"sku_code": "PRICELESS"}, ("unit_amount_cents", "blank")),
    ],
)
def test_complete_item__what_the_shop_does_not_sell(
    values: dict[str, Any], problem: tuple[str, str]
) -> None:
    # given
    SkuFactory(code="RETIRED", on_sale=False)
    SkuFactory(code="PRICELESS", price=False)
    item = an_item(**values)

    # when
    found = get_shop().complete_item(item)

    # then
    assert codes([found]) == [[problem]]


# Races


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: no concurrent requests")
@pytest.mark.django_db(transaction=True)
def test_create_subscriptions__two_requests_at_once_create_one_set() -> None:
    # given
    order = an_order()
    barrier = threading.Barrier(2)
    errors: list[Exception] = []

    def create() -> None:
        try:
            barrier.wait(timeout=60)
            create_subscriptions(order)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(2)]

    # when
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # then
    assert errors == []
    assert [one.frequency for one in subscriptions_of(order)] == ["weekly", "monthly"]
    assert event_names(order).count("orders.create_subscriptions") == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: no concurrent requests")
@pytest.mark.django_db(transaction=True)
def test_auto_cancel__subscription_that_is_being_created_is_cancelled_too() -> None:
    # given
    order = an_order(model=subscription_model(auto_cancel=True))
    refusals: list[Any] = []

    def cancel() -> None:
        try:
            refusals.append(run_action(ORDER_ACTIONS["_cancel"], [order.pk], who=stories.WHO))
        finally:
            connection.close()

    cancelling = threading.Thread(target=cancel)

    def cancel_before_insert(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("INSERT") and not cancelling.ident:
            cancelling.start()
            # It must wait for the lock of the order.
            cancelling.join(0.3)
        return execute(sql, *arguments)

    # when
    with connection.execute_wrapper(cancel_before_insert):
        one = activated(order)
    cancelling.join()

    # then
    one.refresh_from_db()
    order.refresh_from_db()
    assert (refusals, order.status, one.status) == ([[[]]], "cancelled", "cancelled")
