"""Whole documents of orders, lines and addresses; relationships of orders."""

from typing import Any

import pytest

from orders.models import Address, LineItem, LineItemOption, Order
from tests.api import API, staff
from tests.factories import placed_order

pytestmark = pytest.mark.django_db

MOMENT = "2024-03-01T12:30:45.123Z"


def forms(symbol_first: str, **amounts: int) -> dict[str, Any]:
    """Return the three forms of each amount: cents, float and formatted."""
    document: dict[str, Any] = {}
    for name, cents in amounts.items():
        text = f"{abs(cents) / 100:.2f}".replace(".", ",")
        document[f"{name}_cents"] = cents
        document[f"{name}_float"] = cents / 100
        document[f"formatted_{name}"] = f"{'-' if cents < 0 else ''}{symbol_first}{text}"
    return document


def relationships_of(url: str, *names: str) -> dict[str, Any]:
    return {
        name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
        for name in names
    }


def an_italian_order() -> Order:
    order = placed_order(
        lines=[{"quantity": 3, "unit_amount_cents": 1250}],
        options=1,
        language_code="it",
        gift_card_amount_cents=-500,
        reference="4711",
        reference_origin="erp",
        metadata={"gift": True},
    )
    every = {"created_at": order.placed_at, "updated_at": order.placed_at}
    for model in (Order, LineItem, LineItemOption, Address):
        model.objects.update(**every)
    order.refresh_from_db()
    return order


def test_order__document() -> None:
    # given
    api, order = API(staff()), an_italian_order()

    # when
    data = api.get(f"/orders/{order.public_id}").json()["data"]

    # then
    url = f"http://testserver/api/orders/{order.public_id}"
    meta = data.pop("meta")
    assert set(meta) == {"mode", "organization_id", "trace_id"}
    assert list(data["attributes"])[:3] == ["number", "affiliate_code", "status"]
    assert list(data["attributes"])[-2:] == ["reference_origin", "metadata"]
    assert data == {
        "id": order.public_id,
        "type": "orders",
        "links": {"self": url},
        "attributes": {
            "number": order.number,
            "affiliate_code": None,
            "status": "placed",
            "payment_status": "authorized",
            "fulfillment_status": "unfulfilled",
            "guest": False,
            "editable": False,
            "customer_email": order.customer_email,
            "language_code": "it",
            "currency_code": "EUR",
            "tax_included": True,
            "tax_rate": 0.22,
            "country_code": "IT",
            "shipping_country_code_lock": None,
            "coupon_code": None,
            "gift_card_code": None,
            **forms(
                "€",
                subtotal_amount=4050,
                shipping_amount=700,
                payment_method_amount=150,
                discount_amount=0,
                adjustment_amount=0,
                gift_card_amount=-500,
                total_tax_amount=order.total_tax_amount_cents,
                total_amount=4900,
                total_amount_with_taxes=4400,
            ),
            "token": order.token,
            "cart_url": None,
            "return_url": None,
            "terms_url": None,
            "privacy_url": None,
            "placed_at": MOMENT,
            "approved_at": None,
            "cancelled_at": None,
            "archived_at": None,
            "subscription_created_at": None,
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "reference": "4711",
            "reference_origin": "erp",
            "metadata": {"gift": True},
        },
        "relationships": relationships_of(
            url,
            "market",
            "customer",
            "shipping_address",
            "billing_address",
            "payment_method",
            "line_items",
            "line_item_options",
            "order_subscription",
            "order_subscriptions",
            "order_factories",
            "order_copies",
            "recurring_order_copies",
            "events",
            "event_stores",
        ),
    }


def test_line_item__document() -> None:
    # given
    api, order = API(staff()), an_italian_order()
    line = order.line_items.get(item_type="skus")

    # when
    data = api.get(f"/line_items/{line.public_id}").json()["data"]

    # then
    url = f"http://testserver/api/line_items/{line.public_id}"
    del data["meta"]
    assert data == {
        "id": line.public_id,
        "type": "line_items",
        "links": {"self": url},
        "attributes": {
            "item_type": "skus",
            "sku_code": line.sku_code,
            "quantity": 3,
            "currency_code": "EUR",
            **forms("€", unit_amount=1250),
            "compare_at_amount_cents": None,
            "compare_at_amount_float": None,
            "formatted_compare_at_amount": None,
            **forms("€", options_amount=300, total_amount=4050, tax_amount=line.tax_amount_cents),
            "name": line.name,
            "image_url": line.image_url,
            "tax_rate": 0.22,
            "frequency": None,
            "coupon_code": None,
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "reference": None,
            "reference_origin": None,
            "metadata": {},
        },
        "relationships": relationships_of(
            url, "order", "item", "sku", "line_item_options", "event_stores"
        ),
    }


def test_line_item_option__document() -> None:
    # given
    api, order = API(staff()), an_italian_order()

    # when
    (data,) = api.get(f"/orders/{order.public_id}/line_item_options").json()["data"]

    # then
    option = LineItemOption.objects.get()
    assert data["id"] == option.public_id
    assert data["attributes"] == {
        "name": option.name,
        "quantity": 1,
        "currency_code": "EUR",
        **forms("€", unit_amount=300, total_amount=300),
        "delay_hours": 24,
        "options": option.options,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "reference": None,
        "reference_origin": None,
        "metadata": {"proofread": True},
    }


@pytest.mark.parametrize("role", ["shipping", "billing"])
def test_address__document_of_each_role(role: str) -> None:
    # given
    api, order = API(staff()), an_italian_order()

    # when
    data = api.get(f"/orders/{order.public_id}/{role}_address").json()["data"]

    # then
    address = order.addresses.get(role=role)
    assert data["id"] == address.public_id
    assert data["attributes"] == {
        "business": False,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "company": None,
        "full_name": "Ada Lovelace",
        "line_1": address.line_1,
        "line_2": "2º piano",
        "city": "Firenze",
        "zip_code": "50123",
        "state_code": "FI",
        "country_code": "IT",
        "phone": "+39 055 1234567",
        "full_address": f"{address.line_1} 2º piano, 50123 Firenze FI (IT) +39 055 1234567",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "notes": "Ring twice",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "reference": None,
        "reference_origin": None,
        "metadata": {"doorbell": [1, None]},
    }


def test_include__addresses_are_linked_by_role() -> None:
    # given
    api, order = API(staff()), an_italian_order()

    # when
    query = "include=shipping_address,billing_address"
    document = api.get(f"/orders/{order.public_id}?{query}").json()

    # then
    linked = {
        role: document["data"]["relationships"][f"{role}_address"]["data"]["id"]
        for role in ("shipping", "billing")
    }
    assert linked == {address.role: address.public_id for address in order.addresses.all()}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("market", "markets"),
        ("customer", "customers"),
        ("payment_method", "payment_methods"),
    ],
)
def test_related_resource__equals_the_resource_at_its_own_url(name: str, path: str) -> None:
    # given
    api, order = API(staff()), an_italian_order()

    # when
    related = api.get(f"/orders/{order.public_id}/{name}").json()["data"]

    # then
    direct = api.get(f"/{path}/{related['id']}").json()["data"]
    del related["meta"], direct["meta"]
    assert related == direct
    assert related["id"] == getattr(order, name).public_id
