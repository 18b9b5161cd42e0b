"""Relationships that methods compute, and those whose path leads through another row."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework_json_api import serializers
from rest_framework_json_api.relations import (
    ResourceRelatedField,
    SerializerMethodResourceRelatedField,
)

from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.conftest import Shopper
from tests.foreign_shop.models import (
    Buyer,
    Label,
    Parcel,
    Product,
    PurchaseLine,
    PurchaseOrder,
    Remark,
    Voucher,
)
from tests.foreign_shop.serializers import (
    BuyerSerializer,
    LabelSerializer,
    PurchaseLineSerializer,
    VoucherSerializer,
)


class RemarkSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A remark, whose subject may be a row of any model, though the field names vouchers."""

    subject = ResourceRelatedField(model=Voucher, read_only=True)

    included_serializers = {"subject": VoucherSerializer}

    class Meta:
        model = Remark
        resource_name = "remarks"
        fields = ["text", "subject", "content_type"]


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


class ParcelSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """Relationships through an order that may be null."""

    buyer = ResourceRelatedField(source="order.buyer", read_only=True)
    payer = ResourceRelatedField(source="order.payer", read_only=True)
    labels = SerializerMethodResourceRelatedField(model=Label, many=True, read_only=True)
    voucher = ResourceRelatedField(
        source="order.voucher", model=Voucher, read_only=True, required=False
    )

    included_serializers = {
        "buyer": BuyerSerializer,
        "payer": BuyerSerializer,
        "labels": LabelSerializer,
        "voucher": VoucherSerializer,
    }

    class Meta:
        model = Parcel
        resource_name = "parcels"
        fields = ["url", "buyer", "payer", "labels", "voucher"]

    def get_labels(self, parcel: Parcel) -> Any:
        """Return a manager."""
        return parcel.order.labels if parcel.order else None


class ParcelViewSet(ReadOnlyViewSet):
    queryset = Parcel.objects.all()
    serializer_class = ParcelSerializer


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


def test_relationships__through_a_null_key_are_empty(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(ParcelViewSet)
    Parcel.objects.create(pk=1, order_id=1)
    Parcel.objects.create(pk=2)
    names = ["buyer", "payer", "labels", "voucher"]

    # when
    status, document = ann.get(f"/parcels?include={','.join(names)}")

    # then
    linkages = [[it["relationships"][name]["data"] for name in names] for it in document["data"]]
    ann_herself = {"type": "buyers", "id": "1"}
    assert status == 200
    assert linkages == [
        [ann_herself, ann_herself, [{"type": "labels", "id": "gift"}], None],
        [None, None, [], None],
    ]
    assert ann.get("/parcels/2/buyer") == (200, {"data": None})
    assert ann.get("/parcels/2/relationships/labels")[1]["data"] == []


def test_relationship__to_a_type_without_viewset_is_not_served(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(RemarkViewSet)
    Remark.objects.create(pk=1, subject=Voucher.objects.get(pk=1))

    # when
    _, document = ann.get("/remarks/1")
    paths = ["/remarks/1/content_type", "/remarks/1/relationships/content_type"]

    # then
    assert list(document["data"]["relationships"]) == ["subject"]
    assert [ann.get(path)[0] for path in paths] == [404, 404]
    assert "content_type" not in ann.client.get("/shop/api/schema").content.decode()
