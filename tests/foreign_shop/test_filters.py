"""Filters and orders of lists that the viewsets of a shop have."""

from collections.abc import Callable
from typing import Any

import pytest
from django_filters import (
    BooleanFilter,
    CharFilter,
    DateFromToRangeFilter,
    FilterSet,
    MultipleChoiceFilter,
)
from rest_framework_json_api import serializers

from order_copies.api import views
from order_copies.jsonapi.fields import StringField
from order_copies.jsonapi.filtering.filters import parse_name
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.conftest import Shopper
from tests.foreign_shop.models import Parcel, PurchaseOrder


class OrderFilters(FilterSet):  # type: ignore[misc]
    """Filters as the documentation of django-filter has them."""

    channels = MultipleChoiceFilter(field_name="channel", choices=PurchaseOrder.Channel.choices)
    placed = DateFromToRangeFilter(field_name="ordered_on")
    has_note = BooleanFilter(field_name="note", lookup_expr="exact", exclude=True, method="noted")
    number = CharFilter(lookup_expr="endswith")

    def noted(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.exclude(note="") if value else queryset.filter(note="")


class OrderViewSet(views.OrderViewSet):
    filterset_class = OrderFilters
    # The class wins: django-filter has the same rule.
    filterset_fields = ["internal_margin"]


class FieldsOrderViewSet(views.OrderViewSet):
    filterset_fields = {"internal_margin": ["exact", "lte"]}


class ParcelSerializer(ModelSerializer):
    """Fields of the dialect that hide what their source is."""

    short_url = StringField(read_only=True)
    text = StringField(source="size", read_only=True)
    order_number = StringField(source="order.number", read_only=True)
    buyer_email = serializers.CharField(source="order.buyer.email", read_only=True)

    class Meta:
        model = Parcel
        resource_name = "parcels"
        fields = ["url", "short_url", "size", "text", "order_number", "buyer_email"]


class ParcelViewSet(ReadOnlyViewSet):
    queryset = Parcel.objects.all()
    serializer_class = ParcelSerializer
    ordering = ["-size", "url"]


@pytest.fixture
def buyer(ann: Shopper) -> Shopper:
    """A buyer with three orders."""
    PurchaseOrder.objects.create(
        pk=3, number="A3", buyer_id=1, total=3, channel=2, ordered_on="2026-02-01"
    )
    PurchaseOrder.objects.create(
        pk=4, number="A4", buyer_id=1, total=4, internal_margin=7, ordered_on="2026-03-01"
    )
    return ann


@pytest.fixture
def parcels(ann: Shopper, routed: Callable[..., None]) -> Shopper:
    """A client of the API of a shop with parcels."""
    routed(ParcelViewSet)
    Parcel.objects.create(pk=1, url="b", size=1, order_id=1)
    Parcel.objects.create(pk=2, url="c", size=2)
    Parcel.objects.create(pk=3, url="a", size=2)
    return ann


def ids(client: Shopper, path: str) -> Any:
    """Return the ids of a list, or the code of the error."""
    status, document = client.get(path)
    return [it["id"] for it in document["data"]] if status == 200 else document["errors"][0]["code"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter[channels]=1", ["1", "4"]),
        ("filter[channels]=1,2", ["1", "3", "4"]),
        ("filter[channels]=1,3", "INVALID_FILTER_VALUE"),
        ("filter[channels]=web", "INVALID_FILTER_VALUE"),
        ("filter[placed_after]=2026-02-01", ["3", "4"]),
        ("filter[placed_before]=2026-02-01", ["1", "3"]),
        ("filter[placed_after]=2026-01-03&filter[placed_before]=2026-02-28", ["3"]),
        ("filter[placed_after]=soon", "INVALID_FILTER_VALUE"),
        ("filter[placed]=2026-02-01", "FILTER_NOT_ALLOWED"),
        ("filter[placed_min]=2026-02-01", "FILTER_NOT_ALLOWED"),
        ("filter[has_note]=true", ["1"]),
        ("filter[has_note]=false", ["3", "4"]),
        ("filter[has_note]=maybe", "INVALID_FILTER_VALUE"),
        ("filter[has_note]=", ["1", "3", "4"]),
        # It replaces the one of the attribute.
        ("filter[number]=4", ["4"]),
        ("filter[q][number_eq]=4", []),
        # That of an attribute, and of a relationship.
        ("filter[total]=3", ["3"]),
        ("filter[buyer_id]=2", []),
        ("filter[internal_margin]=7", "FILTER_NOT_ALLOWED"),
    ],
)
def test_filterset_class__adds_to_the_filters_of_attributes(
    buyer: Shopper, routed: Callable[..., None], query: str, expected: Any
) -> None:
    # given
    routed(OrderViewSet)

    # when, then
    assert ids(buyer, f"/orders?{query}") == expected


def test_filterset_class__invalid_value_is_quoted(
    buyer: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(OrderViewSet)

    # when
    _, document = buyer.get("/orders?filter[has_note]=maybe")
    _, other = buyer.get("/orders?filter[placed_after]=soon")

    # then
    detail = "maybe is not a valid value for filter[has_note]: is invalid."
    assert document["errors"] == [
        {
            "title": "Invalid filter value",
            "detail": detail,
            "code": "INVALID_FILTER_VALUE",
            "status": "400",
        }
    ]
    assert "Enter a valid date." in other["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter[internal_margin]=7", ["4"]),
        ("filter[internal_margin__lte]=6", ["1", "3"]),
        ("filter[internal_margin]=x", "INVALID_FILTER_VALUE"),
        ("filter[number]=A3", ["3"]),
    ],
)
def test_filterset_fields__add_to_the_filters_of_attributes(
    buyer: Shopper, routed: Callable[..., None], query: str, expected: Any
) -> None:
    # given
    routed(FieldsOrderViewSet)

    # when, then
    assert ids(buyer, f"/orders?{query}") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["3", "2", "1"]),
        ("sort=url", ["3", "1", "2"]),
        ("sort=-url", ["2", "1", "3"]),
        ("sort=id", ["1", "2", "3"]),
        ("sort=-size", ["2", "3", "1"]),
        ("sort=order_number,-id", ["3", "2", "1"]),
    ],
)
def test_ordering__is_the_default_order_of_the_viewset(
    parcels: Shopper, query: str, expected: list[str]
) -> None:
    assert ids(parcels, f"/parcels?{query}") == expected


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sort=short_url", "INVALID_SORT_CRITERIA"),
        ("filter[short_url]=a", "FILTER_NOT_ALLOWED"),
        ("filter[q][short_url_eq]=a", "FILTER_NOT_ALLOWED"),
        ("filter[q][text_cont]=1", "FILTER_NOT_ALLOWED"),
        ("filter[q][text_eq]=1", "FILTER_NOT_ALLOWED"),
        ("filter[text]=1", "FILTER_NOT_ALLOWED"),
        ("filter[q][size_cont]=1", "FILTER_NOT_ALLOWED"),
    ],
)
def test_default_filters_and_orders__are_those_of_columns(
    parcels: Shopper, query: str, code: str
) -> None:
    assert ids(parcels, f"/parcels?{query}") == code


def test_id__malformed_one_cannot_be_filtered_by(parcels: Shopper) -> None:
    # when
    _, document = parcels.get("/parcels?filter[id]=1,x")

    # then
    detail = "1,x is not a valid value for filter[id]: is not an id of parcels."
    assert document["errors"][0]["detail"] == detail
    assert ids(parcels, "/parcels?filter[ids]=1,3") == ["3", "1"]


def test_dotted_source__through_a_null_key_is_null(parcels: Shopper) -> None:
    # when
    _, document = parcels.get("/parcels?fields[parcels]=order_number,buyer_email,text&sort=id")

    # then
    assert [it["attributes"] for it in document["data"]] == [
        {"text": 1, "order_number": "A1", "buyer_email": "ann@shop.example"},
        {"text": 2, "order_number": None, "buyer_email": None},
        {"text": 2, "order_number": None, "buyer_email": None},
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter[order_number]=A1", ["1"]),
        ("filter[q][order_number_null]=true&sort=id", ["2", "3"]),
        ("filter[q][buyer_email_start]=ann", ["1"]),
    ],
)
def test_dotted_source__can_be_filtered_by(
    parcels: Shopper, query: str, expected: list[str]
) -> None:
    assert ids(parcels, f"/parcels?{query}") == expected


def test_plain_filter__is_parsed_once(buyer: Shopper) -> None:
    """Filter sets copy their filters for each request, but not the resource in them."""
    # given
    ids(buyer, "/orders?filter[number]=A1")
    before = parse_name.cache_info()

    # when
    found = [ids(buyer, f"/orders?filter[number]=A{number}") for number in (1, 3, 4)]

    # then
    after = parse_name.cache_info()
    assert found == [["1"], ["3"], ["4"]]
    assert (after.hits - before.hits, after.misses - before.misses) == (3, 0)
