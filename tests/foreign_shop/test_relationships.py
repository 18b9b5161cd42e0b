"""Where the relationships of a shop lead: to which type, and to which rows."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from rest_framework_json_api import serializers
from rest_framework_json_api.relations import ResourceRelatedField

from order_copies.jsonapi.resources import resources
from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.conftest import API, Shopper, links
from tests.foreign_shop.models import (
    Label,
    PurchaseOrder,
    Warehouse,
)
from tests.foreign_shop.serializers import (
    PurchaseOrderSerializer,
)


class DepotSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Warehouse
        resource_name = "depots"
        fields = ["secret_place"]


class DepotViewSet(ReadOnlyViewSet):
    """The shop decides itself who sees its warehouses."""

    queryset = Warehouse.objects.exclude(secret_place="hidden")
    serializer_class = DepotSerializer


def test_own_router__orders_have_the_type_of_the_api(ann: Shopper, settings: Any) -> None:
    # given
    settings.ROOT_URLCONF = "tests.foreign_shop.own_urls"

    # when
    status, document = ann.get("/lines/1/order?fields[orders]=number,order_copies")
    _, line = ann.get("/lines/1?include=order&fields[orders]=number&fields[lines]=order")
    linkage = ann.get("/lines/1/relationships/order")[1]["data"]

    # then
    order = {
        "id": "1",
        "type": "orders",
        "links": {"self": f"{API}/orders/1"},
        "attributes": {"number": "A1"},
        "relationships": {},
    }
    assert status == 200
    assert document == {"data": order | {"relationships": links("/orders/1", ["order_copies"])}}
    assert line["included"] == [order]
    assert linkage == {"type": "orders", "id": "1"}
    assert next(iter(resources())) == "lines"
    assert "purchase-orders" not in resources()
    assert ann.get("/purchase-orders")[0] == 404
    assert PurchaseOrderSerializer.Meta.resource_name == "purchase-orders"


def test_own_router__serves_the_included_lines_of_orders_too(ann: Shopper, settings: Any) -> None:
    # given
    settings.ROOT_URLCONF = "tests.foreign_shop.own_urls"

    # when
    own, included = ann.get("/lines"), ann.get("/orders/1/lines")

    # then
    assert own[1]["data"] == included[1]["data"]
    assert [(it["type"], it["id"]) for it in own[1]["data"]] == [("lines", "1")]


def test_key_that_is_not_primary__leads_to_its_own_row(ann: Shopper) -> None:
    """The number of ann is the primary key of bob."""
    # when
    _, related = ann.get("/orders/1/payer")
    _, document = ann.get("/orders/1?include=payer")

    # then
    assert related["data"]["attributes"] == {"email": "ann@shop.example"}
    assert ann.get("/orders/1/relationships/payer")[1]["data"] == {"type": "buyers", "id": "1"}
    assert document["data"]["relationships"]["payer"]["data"] == {"type": "buyers", "id": "1"}
    assert [it["attributes"]["email"] for it in document["included"]] == ["ann@shop.example"]
    assert ann.get("/buyers/2")[0] == 404


def test_key_that_is_not_primary__cannot_be_filtered_by(ann: Shopper) -> None:
    for name in ("filter[payer_id]=1", "filter[q][payer_email_cont]=ann", "sort=payer"):
        assert ann.get(f"/orders?{name}")[0] == 400


def test_foreign_key__without_serializer_leads_to_ids_only(ann: Shopper) -> None:
    # given
    Warehouse.objects.create(pk=1, secret_place="cellar")
    Warehouse.objects.create(pk=2, secret_place="roof")
    PurchaseOrder.objects.filter(pk=1).update(warehouse=1)
    PurchaseOrder.objects.filter(pk=2).update(warehouse=2)

    # when
    related, listed = ann.get("/orders/1/warehouse"), ann.get("/Warehouse")

    # then
    warehouse = {
        "id": "1",
        "type": "Warehouse",
        "links": {"self": f"{API}/Warehouse/1"},
        "attributes": {},
        "relationships": {},
    }
    assert related == (200, {"data": warehouse})
    assert listed[1]["data"] == [warehouse]
    assert ann.get("/Warehouse/2")[0] == 404
    assert ann.get("/orders?include=warehouse")[0] == 400
    assert ann.get("/Warehouse?filter[q][secret_place_eq]=cellar")[0] == 400


def test_foreign_key__without_serializer_leads_to_the_only_viewset_of_its_model(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(DepotViewSet)
    order = PurchaseOrder.objects.get(pk=1)
    for place in ("cellar", "hidden"):
        order.warehouse = Warehouse.objects.create(secret_place=place)
        order.save()

        # when
        _, document = ann.get("/orders/1/warehouse")

        # then
        found = document["data"] and (document["data"]["type"], document["data"]["attributes"])
        assert found == (None if place == "hidden" else ("depots", {"secret_place": "cellar"}))
    assert ann.get("/orders/1/relationships/warehouse")[1]["data"] is None


@pytest.mark.parametrize("public_id", ["01", "+1", " 1", "\u0661", "0_1"])
def test_order__id_is_written_in_one_way(ann: Shopper, public_id: str) -> None:
    assert ann.get(f"/orders/{quote(public_id)}")[0] == 404


def test_foreign_key__to_the_order_itself_leads_to_orders(ann: Shopper) -> None:
    # given
    mine = PurchaseOrder.objects.create(pk=3, number="A0", buyer_id=1, total=1, replaces_id=1)
    PurchaseOrder.objects.create(pk=4, number="A9", buyer_id=1, total=1, replaces_id=2)

    # when
    own, foreign = ann.get(f"/orders/{mine.pk}/replaces"), ann.get("/orders/4/replaces")

    # then
    assert (own[1]["data"]["type"], own[1]["data"]["id"]) == ("orders", "1")
    assert foreign == (200, {"data": None})
    assert ann.get("/orders?filter[replaces_id]=1&fields[orders]=number")[1]["data"][0]["id"] == "3"


def test_relationship__write_only_one_is_not_served(ann: Shopper) -> None:
    # when
    _, document = ann.get("/orders/1")

    # then
    assert "referrer" not in document["data"]["relationships"]
    for path in ("/orders/1/referrer", "/orders/1/relationships/referrer"):
        assert ann.get(path)[0] == 404
    assert ann.get("/orders?fields[orders]=referrer")[0] == 400


def test_many_to_many__leads_from_both_sides(ann: Shopper, routed: Callable[..., None]) -> None:
    # given
    class LabelSerializer(serializers.ModelSerializer):  # type: ignore[misc]
        orders = ResourceRelatedField(
            source="purchaseorder_set", many=True, read_only=True, model=PurchaseOrder
        )
        included_serializers = {"orders": PurchaseOrderSerializer}

        class Meta:
            model = Label
            resource_name = "labels"
            fields = ["color", "orders"]

    class LabelViewSet(ReadOnlyViewSet):
        queryset = Label.objects.all()
        serializer_class = LabelSerializer

    routed(LabelViewSet)

    # when
    _, document = ann.get("/labels?include=orders")

    # then
    linkages = {it["id"]: it["relationships"]["orders"]["data"] for it in document["data"]}
    assert linkages == {"gift": [{"type": "orders", "id": "1"}], "rush": []}
    assert ann.get("/labels/gift/orders")[1]["data"][0]["id"] == "1"
