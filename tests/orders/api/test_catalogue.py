"""Whole documents of customers, wallets, promotions, coupons and markets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from orders.models import Promotion
from orders.models.resources import Resource
from tests.api import API, PERMISSIONS, service, shopper, staff, the_error_in
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    CustomerPaymentSourceFactory,
    MarketFactory,
    PromotionFactory,
    draft_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

MOMENT = datetime(2024, 3, 1, 12, 30, 45, 123456, tzinfo=UTC)
COMMON = {
    "created_at": "2024-03-01T12:30:45.123Z",
    "updated_at": "2024-03-01T12:30:45.123Z",
    "reference": None,
    "reference_origin": None,
    "metadata": {},
}


def document_of(api: API, row: Resource, **attributes: Any) -> dict[str, Any]:
    """Set the timestamps of a resource to MOMENT and return its document."""
    moments = {"created_at": MOMENT, "updated_at": MOMENT, "metadata": {}}
    type(row)._base_manager.filter(pk=row.pk).update(**moments | attributes)
    data: dict[str, Any] = api.get(f"/{row.resource_type}/{row.public_id}").json()["data"]
    assert set(data.pop("meta")) == {"mode", "organization_id", "trace_id"}
    return data


def document(row: Resource, attributes: dict[str, Any], *names: str) -> dict[str, Any]:
    url = f"http://testserver/api/{row.resource_type}/{row.public_id}"
    return {
        "id": row.public_id,
        "type": row.resource_type,
        "links": {"self": url},
        "attributes": attributes | COMMON,
        "relationships": {
            name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
            for name in names
        },
    }


@pytest.mark.parametrize(
    ("placed", "status"), [(0, "prospect"), (1, "acquired"), (2, "repeat"), (3, "repeat")]
)
def test_customer__document_has_status_and_number_of_orders(placed: int, status: str) -> None:
    # given
    customer = draft_order(customer=CustomerFactory()).customer
    for _ in range(placed):
        placed_order(lines=1, customer=customer)

    # when
    data = document_of(API(staff()), customer)

    # then
    assert data == document(
        customer,
        {"email": customer.email, "status": status, "total_orders_count": placed},
        "customer_payment_sources",
        "orders",
        "order_subscriptions",
        "event_stores",
    )


def test_customers__are_sorted_by_total_orders_count() -> None:
    once, never = placed_order(lines=1).customer, draft_order(customer=CustomerFactory()).customer

    documents = API(staff()).get("/customers?sort=total_orders_count").json()["data"]

    assert [data["id"] for data in documents] == [never.public_id, once.public_id]


def test_customer_payment_source__document_and_payment_method() -> None:
    # given
    customer = placed_order(lines=1).customer
    entry = CustomerPaymentSourceFactory(customer=customer)
    api = API(staff())

    # when
    data = document_of(api, entry)

    # then
    source = entry.payment_source
    assert data == document(
        entry,
        {"name": source.name, "payment_source_token": source.token},
        "customer",
        "payment_method",
        "event_stores",
    )
    path = f"/customer_payment_sources/{entry.public_id}/payment_method"
    assert api.get(path).json()["data"]["id"] == source.payment_method.public_id
    path = f"/customers/{customer.public_id}/customer_payment_sources?include=payment_method"
    included = api.get(path).json()["included"]
    assert source.payment_method.public_id in [resource["id"] for resource in included]


def test_customer_payment_source__is_visible_to_its_customer_only() -> None:
    # given
    customer = placed_order(lines=1).customer
    entry = CustomerPaymentSourceFactory(customer=customer)
    path = f"/customer_payment_sources/{entry.public_id}"

    # when
    own = API(shopper(customer)).get(path)
    other = API(shopper(CustomerFactory())).get(path)

    # then
    assert own.status_code == 200
    assert the_error_in(other) == (404, "RECORD_NOT_FOUND", None)


def test_promotion__document_and_coupons() -> None:
    # given
    promotion = PromotionFactory(currency_code="", starts_at=MOMENT, expires_at=None)
    coupons = [CouponFactory(promotion=promotion), CouponFactory(promotion=promotion)]
    api = API(staff(*PERMISSIONS, "view_coupon"))

    # when
    data = document_of(api, promotion)
    related = api.get(f"/promotions/{promotion.public_id}/coupons").json()["data"]

    # then
    assert data == document(
        promotion,
        {
            "type": promotion.type,
            "name": promotion.name,
            "currency_code": None,
            "exclusive": promotion.exclusive,
            "priority": promotion.priority,
            "starts_at": "2024-03-01T12:30:45.123Z",
            "expires_at": None,
            "active": True,
            "status": "active",
            "coupons_count": 2,
        },
        "market",
        "coupons",
        "event_stores",
    )
    assert [coupon["id"] for coupon in related] == [coupon.public_id for coupon in coupons]


@pytest.mark.parametrize(
    ("active", "starts", "ends", "status"),
    [
        (False, -1, 1, "disabled"),
        (True, -2, -1, "expired"),
        (True, 1, 2, "pending"),
        (True, -1, 1, "active"),
        (True, -1, None, "active"),
    ],
)
def test_promotion__status_depends_on_the_time(
    active: bool, starts: int, ends: int | None, status: str
) -> None:
    # given
    now = timezone.now()

    # when
    promotion = Promotion(
        active=active,
        starts_at=now + timedelta(days=starts),
        expires_at=None if ends is None else now + timedelta(days=ends),
    )

    # then
    assert promotion.status == status


def test_coupon__document_needs_view_coupon() -> None:
    coupon = CouponFactory(usage_limit=3, expires_at=MOMENT)

    data = document_of(API(staff("view_coupon")), coupon)

    assert data == document(
        coupon,
        {
            "code": coupon.code,
            "customer_single_use": False,
            "usage_limit": 3,
            "usage_count": 0,
            "expires_at": "2024-03-01T12:30:45.123Z",
        },
        "promotion",
        "event_stores",
    )


def test_coupon__is_invisible_without_view_coupon() -> None:
    # given
    coupon = CouponFactory()
    api = API(service("view_order"))

    # when
    answers = [
        api.get(f"/coupons/{coupon.public_id}"),
        api.get("/coupons"),
        api.get(f"/promotions/{coupon.promotion.public_id}/coupons"),
        api.get("/promotions?include=coupons"),
    ]

    # then
    assert the_error_in(answers[0]) == (404, "RECORD_NOT_FOUND", None)
    assert answers[1].json()["data"] == answers[2].json()["data"] == []
    assert answers[3].json()["included"] == []


def test_market__document() -> None:
    # given
    market = MarketFactory(shipping_cost_cutoff_cents=9900)

    # when
    data = document_of(API(staff()), market)

    # then
    attributes = {"name": market.name, "code": market.code, "shipping_cost_cutoff": 9900}
    assert data == document(market, attributes, "subscription_model", "event_stores")


def test_promotions__are_read_only() -> None:
    # given
    promotion = PromotionFactory()
    data = {"type": "promotions", "id": promotion.public_id, "attributes": {"reference": "7"}}

    # when
    response = API(staff("change_promotion")).patch(
        f"/promotions/{promotion.public_id}", {"data": data}
    )

    # then
    assert the_error_in(response) == (405, "METHOD_NOT_ALLOWED", None)
