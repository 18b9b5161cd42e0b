"""The resources of a URLconf, and the orders of shops without an endpoint for them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import override_settings
from django.urls import include, path
from django.urls.base import set_urlconf

from order_copies.api.serializers import OrderSerializer as FallbackSerializer
from order_copies.api.views import OrderViewSet as FallbackViewSet
from order_copies.jsonapi.resources import resource_of, resources
from order_copies.jsonapi.routers import Router
from orders.api.serializers import MarketSerializer, OrderSerializer
from orders.api.views import MarketViewSet, OrderViewSet
from tests.api import API, staff
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

# A shop without endpoints includes the URLs of the app under a prefix.
urlpatterns = [path("shop/orders/v1/api/", include("order_copies.api.urls"))]


class OwnMarketViewSet(MarketViewSet):
    """The markets of a shop that replaces an endpoint."""


@pytest.fixture
def routed() -> Iterator[Callable[..., None]]:
    """Return a function that makes these includes the URLconf."""

    def route(*included: Any) -> None:
        class URLs:
            urlpatterns = [path("api/", include(one)) for one in included]

        set_urlconf(URLs)

    yield route
    set_urlconf(None)


def router_of(*viewsets: Any) -> Router:
    router = Router()
    for viewset in viewsets:
        router.register(viewset.resource_type(), viewset)
    return router


def test_resources__are_compiled_once_per_urlconf() -> None:
    # when
    first, second = resources(), resources()
    with override_settings(ROOT_URLCONF=__name__):
        others = resources()

    # then
    assert first is second
    assert "line_items" in first
    assert set(others) == set(first) - set(resources_of_the_shop())


def resources_of_the_shop() -> list[str]:
    return [
        name
        for name, resource in resources().items()
        if resource.viewset.__module__ == "orders.api.views" and name != "orders"
    ]


def test_resources__are_sorted_by_their_routes(routed: Callable[..., None]) -> None:
    # given
    routed(router_of(MarketViewSet, OrderViewSet).urls, "order_copies.api.urls")

    # when
    types = list(resources())

    # then
    assert types[:4] == ["markets", "orders", "order_factories", "order_copies"]


def test_resource_of__resource_of_the_shop_precedes_the_fallback() -> None:
    # when
    resource = resource_of("orders")

    # then
    assert (resource.viewset, resource.serializer_class) == (OrderViewSet, OrderSerializer)
    with override_settings(ROOT_URLCONF=__name__):
        fallback = resource_of("orders")
    assert issubclass(fallback.viewset, FallbackViewSet)
    assert fallback.serializer_class is FallbackSerializer


def test_resource_of__first_route_of_a_type_decides(routed: Callable[..., None]) -> None:
    # given
    routed(router_of(OwnMarketViewSet).urls, "orders.api.urls", "order_copies.api.urls")

    # when
    resource = resource_of("markets")

    # then
    assert (resource.viewset, resource.serializer_class) == (OwnMarketViewSet, MarketSerializer)
    assert resource is resource_of("markets")


def test_resource_of__type_without_a_viewset_is_unknown() -> None:
    with pytest.raises(KeyError):
        resource_of("shipments")


def test_router__prefix_must_be_the_type_of_the_resource() -> None:
    with pytest.raises(ValueError, match="MarketViewSet serves markets, not shops"):
        Router().register("shops", MarketViewSet)


def test_router__routes_each_relationship_by_its_name() -> None:
    # when
    routes = [str(route.pattern) for route in router_of(MarketViewSet).urls]

    # then
    assert routes == [
        "markets",
        "markets/<str:public_id>",
        "markets/<str:public_id>/subscription_model",
        "markets/<str:public_id>/relationships/subscription_model",
        "markets/<str:public_id>/event_stores",
        "markets/<str:public_id>/relationships/event_stores",
    ]


@pytest.fixture
def shop_without_resources(settings: LazySettings) -> None:
    """A shop that includes only the URLs of the app."""
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("shop_without_resources")
def test_fallback__serves_orders_with_their_copies() -> None:
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
    subscriptions = ["order_subscription", "order_subscriptions"]
    del data["meta"]
    assert data == {
        "id": order.public_id,
        "type": "orders",
        "links": {"self": url},
        "attributes": {},
        "relationships": {
            name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
            for name in [*subscriptions, *copies, "events", "event_stores"]
        },
    }
    assert get(url)["id"] == order.public_id
    assert [copy["id"] for copy in get(f"{url}/order_copies")] == [order_copy.public_id]
    assert [one["id"] for one in get(f"{base}/orders")] == [order.public_id]


@pytest.mark.usefixtures("shop_without_resources")
def test_fallback__other_paths_are_not_found() -> None:
    # given
    client = API(staff()).client
    base = "/shop/orders/v1/api"

    # when
    answers = [client.get(f"{base}{path}") for path in ("/markets", "/orders/1/market", "/")]

    # then
    assert [it.status_code for it in answers] == [404] * 3
    assert {it.json()["errors"][0]["code"] for it in answers} == {"RECORD_NOT_FOUND"}
