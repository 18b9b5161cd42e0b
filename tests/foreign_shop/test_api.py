"""The serializers of a shop that does not know the app, registered with one setting.

``tests/acceptance/test_foreign_shop.py`` runs these tests with the settings of the shop.
"""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from openapi_spec_validator import OpenAPIV31SpecValidator

from order_copies.jsonapi.openapi.document import openapi_document
from order_copies.models import OrderCopy, OrderSubscription, OrderSubscriptionItem
from tests.foreign_shop import serializers
from tests.foreign_shop.conftest import API, Shopper, links
from tests.foreign_shop.models import Label, PurchaseLine, PurchaseOrder

COPIES = [
    *("order_subscription", "order_subscriptions"),
    *("order_factories", "order_copies", "recurring_order_copies", "events", "event_stores"),
]
#: The relationships of a subscription in a shop that adds none.
OF_SUBSCRIPTIONS = [
    *("subscription_model", "source_order", "order_subscription_items", "order_factories"),
    *("recurring_order_copies", "order_copies", "orders", "events", "event_stores"),
]


def test_subscriptions__are_served_without_tables_of_the_shop(ann: Shopper) -> None:
    # given
    other = PurchaseOrder.objects.exclude(pk=1).first()
    one = OrderSubscription.objects.create(source_order_id=1, frequency="daily")
    hidden = OrderSubscription.objects.create(source_order=other, frequency="daily")
    item = OrderSubscriptionItem.objects.create(
        order_subscription=one, quantity=2, unit_amount_cents=1050, currency_code="EUR"
    )

    # when
    query = "include=source_order&fields[orders]=number"
    status, document = ann.get(f"/order_subscriptions/{one.public_id}?{query}")
    items = ann.get(f"/order_subscriptions/{one.public_id}/order_subscription_items")[1]["data"]

    # then
    relationships = links(f"/order_subscriptions/{one.public_id}", OF_SUBSCRIPTIONS)
    relationships["source_order"]["data"] = {"type": "orders", "id": "1"}
    assert status == 200
    assert document["data"]["relationships"] == relationships
    assert [it["id"] for it in document["included"]] == ["1"]
    assert [it["id"] for it in items] == [item.public_id]
    assert items[0]["attributes"]["total_amount_float"] == 21.0
    assert ann.get(f"/order_subscriptions/{hidden.public_id}")[0] == 404


def test_document__has_the_fields_and_relationships_of_the_serializer(ann: Shopper) -> None:
    # when
    status, document = ann.get("/orders/1?include=buyer,labels,lines.order,vouchers")

    # then
    own = ["buyer", "labels", "lines", "vouchers", "warehouse", "replaces", "payer"]
    relationships = links("/orders/1", [*own, "main_item", "gift", *COPIES])
    relationships["buyer"]["data"] = {"type": "buyers", "id": "1"}
    relationships["labels"]["data"] = [{"type": "labels", "id": "gift"}]
    relationships["lines"]["data"] = [{"type": "purchase-lines", "id": "1"}]
    relationships["vouchers"]["data"] = [{"type": "vouchers", "id": "1"}]
    order = links("/purchase-lines/1", ["order", "item"])
    order["order"]["data"] = {"type": "orders", "id": "1"}
    assert status == 200
    assert document["data"] == {
        "type": "orders",
        "id": "1",
        "links": {"self": f"{API}/orders/1"},
        "attributes": {
            "number": "A1",
            "total": "120.50",
            "ordered_on": "2026-01-02",
            "shipped_at": None,
            "token": None,
            "channel": 1,
            "short_note": "hello",
            "shouted": "A1",
            "is_large": True,
            "reader": "ann",
            "delivery": {"city": "Porto", "place": ["41.158", "-8.629"]},
        },
        "relationships": relationships,
    }
    assert document["included"] == [
        {
            "type": "buyers",
            "id": "1",
            "links": {"self": f"{API}/buyers/1"},
            "attributes": {"email": "ann@shop.example"},
            "relationships": {},
        },
        {
            "type": "labels",
            "id": "gift",
            "links": {"self": f"{API}/labels/gift"},
            "attributes": {"color": "red"},
            "relationships": {},
        },
        {
            "type": "purchase-lines",
            "id": "1",
            "links": {"self": f"{API}/purchase-lines/1"},
            "attributes": {"product": "Green Tea", "quantity": 2, "title": "2 x green tea"},
            "relationships": order,
        },
        {
            "type": "vouchers",
            "id": "1",
            "links": {"self": f"{API}/vouchers/1"},
            "attributes": {"code": "A1-10"},
            "relationships": {},
        },
    ]


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/orders", ["1"]),
        ("/orders/1/lines", ["1"]),
        ("/orders/1/labels", ["gift"]),
        ("/orders/1/vouchers", ["1"]),
        ("/purchase-lines", ["1"]),
        ("/labels", ["gift"]),
        ("/buyers", ["1"]),
        # Only a method of the serializer knows which vouchers an order has.
        ("/vouchers", []),
        ("/orders/2", 404),
        ("/orders/2/lines", 404),
        ("/purchase-lines/2", 404),
        ("/labels/rush", 404),
        ("/buyers/2", 404),
    ],
)
def test_visibility__follows_the_orders_of_the_client(
    ann: Shopper, path: str, ids: list[str] | int
) -> None:
    status, document = ann.get(path)

    assert ([it["id"] for it in document["data"]] if status == 200 else status) == ids


def test_linkage__of_each_relationship(ann: Shopper) -> None:
    # when
    found = {
        name: ann.get(f"/orders/1/relationships/{name}")[1]["data"]
        for name in ["buyer", "labels", "lines", "vouchers"]
    }

    # then
    assert found == {
        "buyer": {"type": "buyers", "id": "1"},
        "labels": [{"type": "labels", "id": "gift"}],
        "lines": [{"type": "purchase-lines", "id": "1"}],
        "vouchers": [{"type": "vouchers", "id": "1"}],
    }


@pytest.mark.parametrize(
    "query",
    [
        "filter[q][total_gt]=100",
        "filter[q][number_cont]=a",
        "filter[q][ordered_on_lteq]=2026-01-02",
        "filter[q][shipped_at_null]=true",
        "filter[q][token_null]=true",
        "filter[channel]=1",
        "filter[number]=A1,B1",
        "filter[q][buyer_email_start]=ANN",
        "filter[q][lines_quantity_gteq]=2",
        "sort=-ordered_on,total,channel",
    ],
)
def test_list__filtered_and_sorted_by_columns(ann: Shopper, query: str) -> None:
    status, document = ann.get(f"/orders?{query}&fields[orders]=number&page[size]=1")

    assert status == 200
    assert [it["attributes"] for it in document["data"]] == [{"number": "A1"}]
    assert document["meta"] == {"record_count": 1, "page_count": 1}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("filter[q][number_eq]=B1", None),
        ("filter[q][total_cont]=1", "FILTER_NOT_ALLOWED"),
        ("filter[q][internal_margin_eq]=0", "FILTER_NOT_ALLOWED"),
        ("filter[q][short_note_eq]=hello", "FILTER_NOT_ALLOWED"),
        ("filter[secret]=x", "FILTER_NOT_ALLOWED"),
        ("filter[channel]=web", "INVALID_FILTER_VALUE"),
        ("filter[ordered_on]=2026-02-30", "INVALID_FILTER_VALUE"),
        ("filter[token]=1", "INVALID_FILTER_VALUE"),
        ("sort=is_large", "INVALID_SORT_CRITERIA"),
        ("fields[orders]=secret", "INVALID_FIELD"),
        ("include=lines.order.buyer.user", "INVALID_INCLUDE"),
        ("limit=1", "PARAM_NOT_ALLOWED"),
        ("page[size]=26", "INVALID_PAGE_VALUE"),
    ],
)
def test_list__queries_beyond_the_serializer_are_refused(
    ann: Shopper, query: str, code: str | None
) -> None:
    status, document = ann.get(f"/orders?{query}")

    if code is None:
        assert (status, document["data"]) == (200, [])
    else:
        assert (status, document["errors"][0]["code"]) == (400, code)


def test_queries__do_not_grow_with_the_number_of_orders(
    ann: Shopper, django_assert_max_num_queries: Any
) -> None:
    """User, count, orders, then a query for each relationship; method fields make their own."""
    # given
    for number in range(2, 10):
        order = PurchaseOrder.objects.create(number=f"A{number}", buyer_id=1, total=number)
        order.labels.set(Label.objects.all())
        PurchaseLine.objects.create(order=order, product="tea")

    # when, then
    with django_assert_max_num_queries(12):
        status, document = ann.get("/orders?include=buyer,labels,lines&page[size]=25")
    assert (status, len(document["data"])) == (200, 9)


def test_write__resources_of_the_shop_are_read_only(ann: Shopper) -> None:
    # when
    changed = ann.send("PATCH", "/orders/1", type="orders", id="1", attributes={"number": "Z"})
    created = ann.send("POST", "/purchase-lines", type="purchase-lines")

    # then
    assert [changed[0], created[0]] == [405, 405]
    assert PurchaseOrder.objects.get(pk=1).number == "A1"


def test_copy__source_order_has_the_id_of_the_shop(ann: Shopper, admin_user: Any) -> None:
    # when
    related = {"source_order": {"data": {"type": "orders", "id": "1"}}}
    status, document = Shopper("admin").send(
        "POST",
        "/order_copies?include=source_order.buyer",
        type="order_copies",
        relationships=related,
    )

    # then
    assert status == 201
    assert OrderCopy.objects.get().source_order_id == 1
    included = [(it["type"], it["id"]) for it in document["included"]]
    assert included == [("orders", "1"), ("buyers", "1")]


def test_openapi__describes_the_serializers(ann: Shopper) -> None:
    # when
    document = openapi_document()

    # then
    OpenAPIV31SpecValidator(document).validate()
    order = document["components"]["schemas"]["orders"]["properties"]
    assert list(order["attributes"]["properties"]) == [
        "number", "total", "ordered_on", "shipped_at", "token", "channel", "short_note",
        "shouted", "is_large", "reader", "delivery",
    ]  # fmt: skip
    assert order["attributes"]["properties"]["total"] == {"type": ["string", "number"]}
    assert order["attributes"]["properties"]["token"] == {"type": ["string", "null"]}
    assert "/shop/api/purchase-lines/{public_id}/order" in document["paths"]


class DynamicSerializer(serializers.BuyerSerializer):
    """A serializer that no function can be compiled from."""

    def get_fields(self) -> Any:
        fields = super().get_fields()
        if self.context.get("request"):
            fields.pop("email")
        return fields

    class Meta(serializers.BuyerSerializer.Meta):
        filterable = ["emial"]


def test_check__names_serializers_that_cannot_be_compiled() -> None:
    # when
    with override_settings(ROOT_URLCONF="tests.foreign_shop.dynamic_urls"):
        found = [(it.id, it.obj, it.msg) for it in run_checks() if it.id == "order_copies.E011"]

    # then
    assert found == [
        (
            "order_copies.E011",
            DynamicSerializer,
            "It overrides get_fields(): the fields must be the same for every request.",
        ),
        (
            "order_copies.E011",
            DynamicSerializer,
            "Meta.filterable names emial, which is no field of it.",
        ),
    ]


def test_check__serializers_of_the_shop_are_valid() -> None:
    assert [it for it in run_checks() if it.id == "order_copies.E011"] == []
