"""What customers pay for subscriptions is decided by the shop: no request of theirs changes it."""

from typing import Any

import pytest

from order_copies.events.models import Event
from order_copies.models import OrderSubscription, OrderSubscriptionItem
from tests.api import API, PERMISSIONS, errors_in, service, shopper, staff, the_error_in
from tests.factories import (
    MarketFactory,
    OrderCopyFactory,
    OrderSubscriptionItemFactory,
    SkuFactory,
    SubscriptionModelFactory,
    placed_order,
)
from tests.stories import whole_database

pytestmark = pytest.mark.django_db

ABILITIES = ["add_ordersubscription", "change_ordersubscription", "change_ordersubscriptionitem"]
UNAUTHORIZED = (401, "UNAUTHORIZED", None)


@pytest.fixture
def item() -> OrderSubscriptionItem:
    """An item of a customer's subscription."""
    found: OrderSubscriptionItem = OrderSubscriptionItemFactory(unit_amount_cents=1800)
    return found


@pytest.fixture
def customer(item: OrderSubscriptionItem) -> API:
    """The customer of the item, with every scope."""
    return API(shopper(item.order_subscription.source_order.customer))


def data_of(resource_type: str, attributes: dict[str, Any], **related: Any) -> dict[str, Any]:
    """Return the body of a request for a new resource."""
    relationships = {
        name: {"data": {"type": row.resource_type, "id": row.public_id}}
        for name, row in related.items()
    }
    data = {"type": resource_type, "attributes": attributes, "relationships": relationships}
    return {"data": data}


def change(api: API, row: Any, **attributes: Any) -> Any:
    data = {"type": row.resource_type, "id": row.public_id, "attributes": attributes}
    return api.patch(f"/{row.resource_type}/{row.public_id}", {"data": data})


def add_item(api: API, one: OrderSubscription, **attributes: Any) -> Any:
    body = data_of("order_subscription_items", {"quantity": 1} | attributes, order_subscription=one)
    return api.post("/order_subscription_items", body)


def subscribe(api: API, order: Any, *, related: Any = None, **attributes: Any) -> Any:
    values = {"frequency": "weekly", **attributes}
    body = data_of("order_subscriptions", values, source_order=order, **related or {})
    return api.post("/order_subscriptions", body)


@pytest.mark.parametrize("cents", [0, 1, 1800, 10**6, None])
def test_customer__sets_no_unit_amount(
    item: OrderSubscriptionItem, customer: API, cents: int | None
) -> None:
    # given
    sku, before = SkuFactory(), whole_database()

    # when
    answers = [
        add_item(customer, item.order_subscription, sku_code=sku.code, unit_amount_cents=cents),
        change(customer, item, unit_amount_cents=cents),
        change(customer, item, sku_code=sku.code, quantity=3, unit_amount_cents=cents),
    ]

    # then
    assert [the_error_in(it) for it in answers] == [UNAUTHORIZED] * 3
    assert whole_database() == before


@pytest.mark.parametrize("policy", ["frozen", "current", "lower"])
def test_customer__sets_no_price_policy(
    item: OrderSubscriptionItem, customer: API, policy: str
) -> None:
    # given
    one = item.order_subscription
    assert one.source_order
    before = whole_database()

    # when
    answers = [
        subscribe(customer, one.source_order, price_policy=policy),
        change(customer, one, price_policy=policy),
        change(customer, one, price_policy=policy, _cancel=True),
    ]

    # then
    assert [the_error_in(it) for it in answers] == [UNAUTHORIZED] * 3
    assert whole_database() == before


@pytest.mark.parametrize(
    "name",
    ["unit_amount_float", "total_amount_cents", "total_amount_float", "currency_code", "name"],
)
def test_customer__sets_no_other_amount(
    item: OrderSubscriptionItem, customer: API, name: str
) -> None:
    # given
    sku, before = SkuFactory(), whole_database()

    # when
    answers = [
        add_item(customer, item.order_subscription, sku_code=sku.code, **{name: 1}),
        change(customer, item, **{name: 1}),
    ]

    # then
    refused = (400, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")
    assert [the_error_in(it) for it in answers] == [refused] * 2
    assert whole_database() == before


@pytest.mark.parametrize("quantity", [0, -1, None, True, "1", 1.5, 2**31, 2**62])
def test_customer__quantity_is_a_number_of_pieces(
    item: OrderSubscriptionItem, customer: API, quantity: Any
) -> None:
    # given
    sku, before = SkuFactory(), whole_database()

    # when
    answers = [
        add_item(customer, item.order_subscription, sku_code=sku.code, quantity=quantity),
        change(customer, item, quantity=quantity),
    ]

    # then
    refused = (422, "VALIDATION_ERROR", "/data/attributes/quantity")
    assert [the_error_in(it) for it in answers] == [refused] * 2
    assert whole_database() == before


def test_customer__another_sku_costs_what_the_shop_asks(
    item: OrderSubscriptionItem, customer: API
) -> None:
    # given
    dear = SkuFactory(price=9900)

    # when
    response = change(customer, item, sku_code=dear.code)

    # then
    item.refresh_from_db()
    assert response.json()["data"]["attributes"]["unit_amount_cents"] == 9900
    assert (item.sku_code, item.name, item.unit_amount_cents) == (dear.code, dear.name, 9900)
    [event] = Event.objects.filter(resource_type="order_subscription_items")
    assert event.changes["unit_amount_cents"] == {"from": 1800, "to": 9900}


def test_customer__same_sku_keeps_the_agreed_amount(
    item: OrderSubscriptionItem, customer: API
) -> None:
    # when
    response = change(customer, item, sku_code=item.sku_code, bundle_code="", quantity=2)

    # then
    assert response.json()["data"]["attributes"]["unit_amount_cents"] == 1800


def test_customer__sku_without_price_is_refused(item: OrderSubscriptionItem, customer: API) -> None:
    # given
    sku = SkuFactory(price=False)
    before = whole_database()

    # when
    response = change(customer, item, sku_code=sku.code)

    # then
    pointer = "/data/attributes/unit_amount_cents"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert whole_database() == before


def test_customer__only_deletes_a_gift(item: OrderSubscriptionItem, customer: API) -> None:
    # given
    one = item.order_subscription
    gift = OrderSubscriptionItemFactory(order_subscription=one, unit_amount_cents=0)
    path = f"/order_subscription_items/{item.public_id}"

    # when
    more = change(customer, gift, quantity=9)
    less = change(customer, item, quantity=1)
    alone = customer.delete(path)
    named = change(customer, gift, reference="R1")
    given_up = customer.delete(f"/order_subscription_items/{gift.public_id}")
    afterwards = change(customer, item, quantity=3)

    # then
    assert [one.status_code for one in (more, less, alone)] == [401, 401, 401]
    assert [one.status_code for one in (named, given_up, afterwards)] == [200, 204, 200]


def test_staff__set_the_unit_amount_and_the_price_policy(item: OrderSubscriptionItem) -> None:
    # given
    api, sku = API(staff(*PERMISSIONS, *ABILITIES)), SkuFactory(price=9900)

    # when
    answers = [
        change(api, item, sku_code=sku.code, unit_amount_cents=450),
        change(api, item.order_subscription, price_policy="lower"),
    ]

    # then
    assert [it.status_code for it in answers] == [200, 200]
    item.refresh_from_db()
    assert (item.unit_amount_cents, item.order_subscription.price_policy) == (450, "lower")


def test_subscribe__model_must_be_that_of_the_market() -> None:
    # given
    own, other = SubscriptionModelFactory(), SubscriptionModelFactory()
    order = placed_order(lines=1, market=MarketFactory(subscription_model=own))
    api = API(shopper(order.customer))
    before = whole_database()

    # when
    response = subscribe(api, order, related={"subscription_model": other})

    # then
    pointer = "/data/relationships/subscription_model"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert errors_in(response)[0]["meta"] == {"error": "invalid"}
    assert whole_database() == before


def test_sales_channel__finds_no_copies_and_subscriptions_by_includes(
    item: OrderSubscriptionItem,
) -> None:
    # given
    order: Any = item.order_subscription.source_order
    OrderCopyFactory(source_order=order)
    user = service(*PERMISSIONS)
    channel, integration = API(user, kind="sales_channel", scopes=["read"]), API(user)
    names = "order_subscriptions,order_copies,order_factories"

    # when
    answers = [
        api.get(f"/orders/{order.public_id}?include={names}&fields[orders]={names}").json()
        for api in (channel, integration)
    ]

    # then
    found = [
        {
            name: len(relationship["data"])
            for name, relationship in answer["data"]["relationships"].items()
        }
        for answer in answers
    ]
    assert found == [dict.fromkeys(names.split(","), count) for count in (0, 1)]
    assert "included" not in answers[0] or answers[0]["included"] == []
