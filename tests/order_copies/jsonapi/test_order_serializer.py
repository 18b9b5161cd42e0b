"""The serializer of orders: that of a shop, and the relationships to copies and events."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from rest_framework_json_api import serializers

from order_copies.api.serializers import OrderSerializer, order_serializer
from order_copies.jsonapi.compiler import Tables
from orders.models import Order

COPIES = [
    *("order_subscription", "order_subscriptions"),
    *("order_factories", "order_copies", "recurring_order_copies", "events", "event_stores"),
]


class ShopSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A serializer that names its fields and its filters."""

    class Meta:
        model = Order
        resource_name = "purchases"
        fields = ("number", "status", "events")
        filterable = ("status",)


class AllColumnsSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A serializer with all columns."""

    class Meta:
        model = Order
        resource_name = "purchases"
        fields = "__all__"


@pytest.fixture
def configured(settings: LazySettings) -> Any:
    """Return a function that names the serializer of the shop, and returns that of orders."""

    def configure(name: str) -> Any:
        settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORDER_SERIALIZER": name}
        return order_serializer()

    return configure


def test_order_serializer__without_setting_is_that_of_the_app(configured: Any) -> None:
    assert configured("") is OrderSerializer


def test_order_serializer__adds_copies_and_events_to_the_fields_of_the_shop(
    configured: Any,
) -> None:
    # when
    merged = configured(f"{__name__}.ShopSerializer")

    # then
    assert (merged.__name__, merged.__module__) == ("ShopSerializer", __name__)
    assert issubclass(merged, ShopSerializer)
    assert (merged.Meta.model, merged.Meta.resource_name) == (Order, "orders")
    others = [name for name in COPIES if name != "events"]
    assert merged.Meta.fields == ["id", "number", "status", "events", *others]
    assert merged.Meta.filterable == ["status", *OrderSerializer.Meta.filterable]
    assert ShopSerializer.Meta.resource_name == "purchases"


def test_order_serializer__all_columns(configured: Any) -> None:
    # when
    merged = configured(f"{__name__}.AllColumnsSerializer")

    # then
    tables = Tables(merged)
    assert merged.Meta.fields == "__all__"
    assert {"number", "status"} <= set(tables.attributes_by_name)
    assert set(COPIES) <= set(tables.relationships_by_name)


@pytest.mark.parametrize("name", ["orders.nowhere.Serializer", "nowhere", f"{__name__}.Nothing"])
def test_order_serializer__unknown_name_is_refused(configured: Any, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"ORDER_SERIALIZER.* cannot be imported"):
        configured(name)


def test_order_serializer__other_class_is_refused(configured: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"ORDER_SERIALIZER.* is no serializer"):
        configured("orders.models.Order")
