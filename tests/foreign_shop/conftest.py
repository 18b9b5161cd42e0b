import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.foreign_shop.models import (
    Buyer,
    Label,
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
        return response.status_code, response.json()


@pytest.fixture
def ann(db: None) -> Shopper:
    """A buyer with one of the two orders of the shop."""
    user = get_user_model().objects.create_user("ann")
    buyer = Buyer.objects.create(pk=1, email="ann@shop.example", user=user)
    order = PurchaseOrder.objects.create(
        pk=1, number="A1", buyer=buyer, total="120.50", ordered_on="2026-01-02", note="hello world"
    )
    other = PurchaseOrder.objects.create(
        pk=2, number="B1", buyer=Buyer.objects.create(pk=2, email="bob@shop.example"), total=1
    )
    gift = Label.objects.create(code="gift", color="red")
    rush = Label.objects.create(code="rush", color="blue")
    order.labels.add(gift)
    other.labels.add(gift, rush)
    PurchaseLine.objects.create(pk=1, order=order, product="green tea", quantity=2)
    PurchaseLine.objects.create(pk=2, order=other, product="black tea")
    Voucher.objects.create(pk=1, code="A1-10")
    Voucher.objects.create(pk=2, code="B1-10")
    return Shopper("ann")
