import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import include, path

from order_copies.jsonapi.routers import Router
from tests.foreign_shop.models import (
    Buyer,
    Label,
    Product,
    PurchaseLine,
    PurchaseOrder,
    Voucher,
)

MEDIA_TYPE = "application/vnd.api+json"
API = "http://testserver/shop/api"


class Shopper:
    """A client of the API with the name of a user."""

    def __init__(self, name: str) -> None:
        self.client = Client(
            headers={"X-User": name, "Accept": MEDIA_TYPE}, raise_request_exception=False
        )

    def get(self, path: str) -> Any:
        """Return the status and the document, without the meta of resources."""
        response = self.client.get(f"/shop/api{path}")
        document = response.json()
        data = document.get("data") or []
        for resource in [
            *(data if isinstance(data, list) else [data]),
            *document.get("included", []),
        ]:
            resource.pop("meta", None)
        return response.status_code, document

    def send(self, method: str, path: str, **data: Any) -> Any:
        """Return the status and the document of the response to a document."""
        body = json.dumps({"data": data})
        response = self.client.generic(method, f"/shop/api{path}", body, content_type=MEDIA_TYPE)
        return response.status_code, response.json() if response.content else None


def complaints(document: Any) -> list[tuple[str, str | None, str | None]]:
    """Return pointer, error key and detail of each error of a document."""
    return [
        (it.get("source", {}).get("pointer"), it.get("meta", {}).get("error"), it["detail"])
        for it in document["errors"]
    ]


def links(path: str, names: list[str]) -> dict[str, Any]:
    """Return the relationships of the resource at this path."""
    url = f"{API}{path}"
    return {
        name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
        for name in names
    }


@pytest.fixture
def routed(settings: Any) -> Callable[..., None]:
    """Return a function that routes viewsets of the shop before those of the app."""

    def route(*viewsets: Any) -> None:
        router = Router()
        for viewset in viewsets:
            router.register(viewset.resource_type(), viewset)

        class URLs:
            urlpatterns = [
                path("shop/api/", include(router.urls)),
                path("shop/api/", include("order_copies.api.urls")),
            ]

        settings.ROOT_URLCONF = URLs

    return route


@pytest.fixture
def ann(db: None) -> Shopper:
    """A buyer with one of the two orders of the shop."""
    user = get_user_model().objects.create_user("ann")
    buyer = Buyer.objects.create(pk=1, number=2, email="ann@shop.example", user=user)
    bob = Buyer.objects.create(pk=2, number=1, email="bob@shop.example")
    order = PurchaseOrder.objects.create(
        pk=1,
        number="A1",
        buyer=buyer,
        payer=buyer,
        total="120.50",
        ordered_on="2026-01-02",
        note="hello world",
    )
    other = PurchaseOrder.objects.create(pk=2, number="B1", buyer=bob, payer=bob, total=1)
    gift = Label.objects.create(code="gift", color="red")
    rush = Label.objects.create(code="rush", color="blue")
    order.labels.add(gift)
    other.labels.add(gift, rush)
    green = Product.objects.create(pk=1, name="green tea")
    black = Product.objects.create(pk=2, name="black tea")
    PurchaseLine.objects.create(pk=1, order=order, product="green tea", quantity=2, item=green)
    PurchaseLine.objects.create(pk=2, order=other, product="black tea", item=black)
    Voucher.objects.create(pk=1, code="A1-10")
    Voucher.objects.create(pk=2, code="B1-10")
    return Shopper("ann")


@pytest.fixture
def admin(ann: Shopper) -> Shopper:
    """A client of the API who sees all orders and has all of Django's permissions."""
    get_user_model().objects.create(username="admin", is_staff=True, is_superuser=True)
    return Shopper("admin")
