"""Where the relationships of a shop lead: to which type, and to which rows."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework_json_api import serializers
from rest_framework_json_api.relations import ResourceRelatedField

from order_copies.jsonapi.resources import resources
from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.conftest import API, Shopper, links
from tests.foreign_shop.models import (
    Buyer,
    Label,
    Product,
    PurchaseLine,
    PurchaseOrder,
    Remark,
    Voucher,
    Warehouse,
)
from tests.foreign_shop.serializers import (
    BuyerSerializer,
    PurchaseLineSerializer,
    PurchaseOrderSerializer,
    VoucherSerializer,
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


class RemarkSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A remark, whose subject may be a row of any model, though the field names vouchers."""

    subject = ResourceRelatedField(model=Voucher, read_only=True)

    included_serializers = {"subject": VoucherSerializer}

    class Meta:
        model = Remark
        resource_name = "remarks"
        fields = ["text", "subject"]


class RemarkViewSet(ReadOnlyViewSet):
    queryset = Remark.objects.all()
    serializer_class = RemarkSerializer


class VoucherViewSet(ReadOnlyViewSet):
    queryset = Voucher.objects.all()
    serializer_class = VoucherSerializer


class LineSerializer(PurchaseLineSerializer):
    """A line with relationships whose path leads through its order."""

    buyer = ResourceRelatedField(source="order.buyer", read_only=True)
    order_payer = ResourceRelatedField(source="order.payer", read_only=True)

    included_serializers = {
        **PurchaseLineSerializer.included_serializers,
        "buyer": BuyerSerializer,
        "order_payer": BuyerSerializer,
    }

    class Meta(PurchaseLineSerializer.Meta):
        fields = ["product", "order", "buyer", "order_payer"]
        sortable = ["product", "buyer"]


class LineViewSet(ReadOnlyViewSet):
    queryset = PurchaseLine.objects.all()
    serializer_class = LineSerializer


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


def test_method__rows_of_another_model_are_left_out(ann: Shopper) -> None:
    """A buyer and a voucher have the same primary key."""
    # when
    _, document = ann.get("/orders/1?include=gift")

    # then
    assert document["data"]["relationships"]["gift"]["data"] is None
    assert document["included"] == []
    assert ann.get("/orders/1/gift") == (200, {"data": None})
    assert ann.get("/orders/1/relationships/gift")[1]["data"] is None


def test_generic_foreign_key__rows_of_another_model_are_left_out(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(RemarkViewSet, VoucherViewSet)
    Remark.objects.create(pk=1, subject=Voucher.objects.get(pk=1))
    Remark.objects.create(pk=2, subject=Buyer.objects.get(pk=2))
    Remark.objects.create(
        pk=3, content_type_id=Remark.objects.get(pk=1).content_type_id, object_id=9
    )

    # when
    _, document = ann.get("/remarks?include=subject")
    related = [ann.get(f"/remarks/{number}/subject")[1]["data"] for number in (1, 2, 3)]

    # then
    linkages = [it["relationships"]["subject"]["data"] for it in document["data"]]
    assert linkages == [{"type": "vouchers", "id": "1"}, None, None]
    assert [it["attributes"] for it in document["included"]] == [{"code": "A1-10"}]
    assert [it and it["id"] for it in related] == ["1", None, None]


def test_method__does_not_hide_rows_that_a_foreign_key_leads_to(ann: Shopper) -> None:
    """``main_item`` of orders is a method; ``item`` of their lines is a column."""
    # when
    products, related = ann.get("/products"), ann.get("/orders/1/main_item")

    # then
    assert [it["attributes"] for it in products[1]["data"]] == [{"name": "green tea"}]
    assert related[1]["data"]["id"] == "1"
    assert ann.get("/products/2")[0] == 404


def test_method__shows_no_rows_beyond_the_visible_ones(ann: Shopper) -> None:
    # given
    secret = Product.objects.create(pk=3, name="secret")
    PurchaseLine.objects.filter(pk=1).update(item=secret)
    PurchaseOrder.objects.filter(pk=1).update(buyer=None)

    # when, then
    assert ann.get("/products")[1]["data"] == []


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


def test_dotted_relationship__through_a_null_key_is_null(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(LineViewSet)
    PurchaseOrder.objects.filter(pk=2).update(buyer=None, payer=None)

    # when
    _, document = ann.get("/purchase-lines?include=buyer,order_payer")

    # then
    linkages = [
        [it["relationships"][name]["data"] for name in ("buyer", "order_payer")]
        for it in document["data"]
    ]
    assert linkages == [[{"type": "buyers", "id": "1"}] * 2, [None, None]]
    assert [it["id"] for it in document["included"]] == ["1"]
    assert ann.get("/purchase-lines/2/buyer") == (200, {"data": None})
    assert ann.get("/purchase-lines/2/order_payer") == (200, {"data": None})
    assert ann.get("/purchase-lines/1/order_payer")[1]["data"]["id"] == "1"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("sort=buyer", ["1", "2"]),
        ("sort=-buyer", ["2", "1"]),
        ("filter[buyer_id]=1", ["1"]),
        ("filter[q][buyer_email_start]=ann", ["1"]),
    ],
)
def test_dotted_relationship__sorts_and_filters(
    ann: Shopper, routed: Callable[..., None], query: str, ids: list[str]
) -> None:
    # given
    routed(LineViewSet)

    # when
    status, document = ann.get(f"/purchase-lines?{query}")

    # then
    assert (status, [it["id"] for it in document["data"]]) == (200, ids)


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
