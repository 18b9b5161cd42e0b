"""The registry of resources, and the fallback for shops without an order resource."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import override_settings
from django.urls import include, path

from order_copies.api.serializers import OrderSerializer as FallbackSerializer
from order_copies.jsonapi import resources
from order_copies.jsonapi.resources import register, register_fallback, resource_of
from orders.api.serializers import OrderSerializer
from tests.api import API, staff
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

# A shop without endpoints includes the URLs of the app under a prefix.
urlpatterns = [path("shop/orders/v1/api/", include("order_copies.api.urls"))]


@pytest.fixture
def shop_without_resources() -> Iterator[None]:
    """The registry of a shop that has registered no order resource."""
    before = dict(resources._resources)
    del resources._resources["orders"]
    register_fallback(FallbackSerializer)
    with override_settings(ROOT_URLCONF=__name__):
        yield
    resources._resources.clear()
    resources._resources.update(before)


def test_register__resource_of_the_shop_precedes_the_fallback() -> None:
    register_fallback(FallbackSerializer)

    assert isinstance(resource_of("orders"), OrderSerializer)


def test_register__replaces_a_resource() -> None:
    before = resource_of("markets")

    register(type(before))

    assert resource_of("markets") is not before


@pytest.mark.usefixtures("shop_without_resources")
def test_fallback__serves_orders_with_their_copies(settings: LazySettings) -> None:
    # given
    api, order = API(staff()), placed_order()
    order_copy = OrderCopyFactory(source_order=order)
    base = "http://testserver/shop/orders/v1/api"

    def get(url: str) -> Any:
        return api.client.get(url.removeprefix("http://testserver")).json()["data"]

    # when
    data = get(f"{base}/order_copies/{order_copy.public_id}/source_order")

    # then
    url = f"{base}/orders/{order.public_id}"
    copies = ["order_factories", "order_copies", "recurring_order_copies"]
    del data["meta"]
    assert data == {
        "id": order.public_id,
        "type": "orders",
        "links": {"self": url},
        "attributes": {},
        "relationships": {
            name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
            for name in [*copies, "events", "event_stores"]
        },
    }
    assert get(url)["id"] == order.public_id
    assert [copy["id"] for copy in get(f"{url}/order_copies")] == [order_copy.public_id]
    assert [one["id"] for one in get(f"{base}/orders")] == [order.public_id]
