"""The values of fields of all classes that a shop's serializers may have."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core.checks import run_checks
from django.utils.translation import gettext_lazy
from openapi_spec_validator import OpenAPIV31SpecValidator
from rest_framework.relations import (
    HyperlinkedIdentityField,
    SlugRelatedField,
    StringRelatedField,
)
from rest_framework_json_api import serializers

from order_copies.jsonapi.openapi.document import openapi_document
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.conftest import Shopper, links
from tests.foreign_shop.models import Parcel, PurchaseOrder

TOKEN = UUID("6a2f41a3-c54c-fce8-32d2-0324e1c32e22")


class ParcelSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """Fields that need the row, the model or the request."""

    detail = HyperlinkedIdentityField(view_name="parcels-detail")
    number = SlugRelatedField(source="order", slug_field="number", read_only=True)
    labels = SlugRelatedField(source="order.labels", slug_field="color", many=True, read_only=True)
    title = StringRelatedField(source="order")
    ratio = serializers.SerializerMethodField()
    values = serializers.SerializerMethodField()
    action = serializers.SerializerMethodField()
    costly = serializers.SerializerMethodField()
    day = serializers.DateField(source="order.ordered_on", read_only=True, format="%d.%m.%Y")
    skipped = serializers.CharField(source="nothing", required=False, read_only=True)

    class Meta:
        model = Parcel
        resource_name = "parcels"
        fields = [
            *("url", "address", "seal", "warmth", "detail", "number", "labels", "title"),
            *("ratio", "values", "action", "costly", "day", "skipped", "order"),
        ]
        on_request = ["costly"]

    def get_ratio(self, parcel: Parcel) -> float:
        return float("nan")

    def get_values(self, parcel: Parcel) -> dict[str, Any]:
        return {
            "decimal": Decimal("1.50"),
            "day": date(2026, 1, 2),
            "uuid": TOKEN,
            "text": gettext_lazy("Yes"),
            "infinite": [float("inf"), -float("inf"), Decimal("NaN")],
        }

    def get_action(self, parcel: Parcel) -> str:
        return f"{type(self.context['view']).__name__}.{self.context['view'].action}"

    def get_costly(self, parcel: Parcel) -> str:
        message = "It is only evaluated if fields[parcels] names it."
        raise LookupError(message)


class ParcelViewSet(ReadOnlyViewSet):
    queryset = Parcel.objects.all()
    serializer_class = ParcelSerializer


class OwnParcelSerializer(ModelSerializer):
    """The same columns with the fields of the dialect."""

    class Meta:
        model = Parcel
        resource_name = "parcels"
        fields = ["url", "address", "seal", "warmth", "size"]


class OwnParcelViewSet(ReadOnlyViewSet):
    queryset = Parcel.objects.all()
    serializer_class = OwnParcelSerializer


@pytest.fixture
def parcels(ann: Shopper) -> Shopper:
    """A client of a shop with two parcels: of an order, and of none."""
    Parcel.objects.create(pk=1, url="/p/1", address="Porto", seal=b"\x00\xff", order_id=1)
    Parcel.objects.create(pk=2, url="/p/2", address="Faro", seal=b"", warmth=9)
    return ann


VALUES = {
    "decimal": 1.5,
    "day": "2026-01-02",
    "uuid": str(TOKEN),
    "text": "Yes",
    "infinite": [None, None, None],
}


def test_values__of_all_kinds_of_fields(parcels: Shopper, routed: Callable[..., None]) -> None:
    # given
    routed(ParcelViewSet)

    # when
    status, document = parcels.get("/parcels/1")

    # then
    assert status == 200
    assert document["data"]["attributes"] == {
        "url": "/p/1",
        "address": "Porto",
        "seal": "AP8=",
        "warmth": 4,
        "number": "A1",
        "labels": ["red"],
        "title": "PurchaseOrder 1",
        "ratio": None,
        "values": VALUES,
        "action": "ParcelViewSet.retrieve",
        "day": "02.01.2026",
    }
    assert document["data"]["relationships"] == links("/parcels/1", ["order"])


def test_values__of_a_row_without_a_related_one(
    parcels: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(ParcelViewSet)

    # when
    names = "seal,warmth,number,title,action"
    _, document = parcels.get(f"/parcels?fields[parcels]={names}&sort=-id")

    # then
    assert document["data"][0]["attributes"] == {
        "seal": "",
        "warmth": 9,
        "number": None,
        "title": None,
        "action": "ParcelViewSet.list",
    }


def test_values__document_is_valid_json_without_nan(
    parcels: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(ParcelViewSet)

    def refuse(name: str) -> Any:
        raise AssertionError(name)

    # when
    body = parcels.client.get("/shop/api/parcels?fields[parcels]=ratio,values").content

    # then
    document = json.loads(body, parse_constant=refuse)
    attributes = [it["attributes"] for it in document["data"]]
    assert attributes == [{"ratio": None, "values": VALUES}] * 2


def test_method__is_evaluated_only_if_the_document_has_its_field(
    parcels: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(ParcelViewSet)

    # when
    statuses = [
        parcels.get(f"/parcels?fields[parcels]={names}")[0]
        for names in ("url", "ratio,action", "order", "ratio,costly")
    ]

    # then
    assert statuses == [200, 200, 200, 500]


def test_method__in_an_included_resource_has_the_view_of_the_request(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    class OrderSerializer(serializers.ModelSerializer):  # type: ignore[misc]
        included_serializers = {"parcels": ParcelSerializer}

        class Meta:
            model = PurchaseOrder
            resource_name = "purchases"
            fields = ["parcels"]

    class PurchaseViewSet(ReadOnlyViewSet):
        queryset = PurchaseOrder.objects.all()
        serializer_class = OrderSerializer

    routed(PurchaseViewSet, ParcelViewSet)
    Parcel.objects.create(pk=1, order_id=1)

    # when
    _, document = ann.get("/purchases/1?include=parcels&fields[parcels]=action")

    # then
    assert document["included"][0]["attributes"] == {"action": "PurchaseViewSet.retrieve"}


def test_own_serializer__columns_that_the_dialect_does_not_know(
    parcels: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(OwnParcelViewSet)

    # when
    _, document = parcels.get("/parcels?sort=-address")
    refused = [
        parcels.get(f"/parcels?{query}")[1]["errors"][0]["code"]
        for query in ("filter[q][warmth_eq]=4", "filter[seal]=AP8=", "filter[q][size_cont]=1")
    ]

    # then
    assert [it["attributes"] for it in document["data"]] == [
        {"url": "/p/1", "address": "Porto", "seal": "AP8=", "warmth": 4, "size": 10},
        {"url": "/p/2", "address": "Faro", "seal": "", "warmth": 9, "size": 10},
    ]
    assert set(refused) == {"FILTER_NOT_ALLOWED"}


def test_openapi__describes_all_kinds_of_fields(
    parcels: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(ParcelViewSet)

    # when
    document = openapi_document()

    # then
    OpenAPIV31SpecValidator(document).validate()
    parcel = document["components"]["schemas"]["parcels"]["properties"]
    assert list(parcel["relationships"]["properties"]) == ["order"]
    assert parcel["attributes"]["properties"]["seal"] == {}
    assert parcel["attributes"]["properties"]["address"] == {"type": "string"}
    assert [it.msg for it in run_checks() if it.id == "order_copies.E011"] == []
