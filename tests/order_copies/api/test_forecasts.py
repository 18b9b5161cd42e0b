"""Forecasts over the API."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.api import forecasts
from order_copies.models import OrderSubscription
from tests.api import API, shopper, staff, the_error_in
from tests.factories import SkuFactory, placed_order
from tests.stories import whole_database
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def daily(stock: int = 100, **attributes: Any) -> OrderSubscription:
    """Return a daily subscription, from 9:00 on, to two pieces of an SKU with this stock left."""
    lines = [{"sku": SkuFactory(stock=stock + 2), "quantity": 2, "unit_amount_cents": 1000}]
    order = placed_order(lines=lines, options=0, shipping=False, payment_fee=False, **attributes)
    return subscribed(order, NOW + HOUR)


def test_forecast__of_one_subscription_is_a_document_with_its_renewals() -> None:
    # given
    api, one = API(staff()), daily(stock=2)
    daily()
    before = whole_database()

    # when
    response = api.get(f"/order_subscriptions/{one.public_id}/forecast?until=2027-01-31T23:00Z")

    # then
    document = response.json()
    meta = document["meta"]
    first, second = meta["renewals"]
    assert (response.status_code, document["data"]) == (200, None)
    assert meta == {
        "until": "2027-01-31T23:00:00.000Z",
        "notice": None,
        "renewals_count": 2,
        "results": {"will_complete": 1, "at_risk": 0, "will_fail": 1},
        "total_amounts_cents": {"EUR": 2000},
        "renewals": [first, second],
        "mode": "test",
        "organization_id": meta["organization_id"],
        "trace_id": meta["trace_id"],
    }
    assert first == {
        "order_subscription": {"type": "order_subscriptions", "id": one.public_id},
        "scheduled_for": "2027-01-30T09:00:00.000Z",
        "result": "will_complete",
        "reasons": [],
        "currency_code": "EUR",
        "source_totals": first["source_totals"],
        "target_totals": first["source_totals"],
        "plan_digest": first["plan_digest"],
    }
    assert first["target_totals"]["total_amount_with_taxes_cents"] == 2000
    assert len(first["plan_digest"]) == 64
    assert second["result"] == "will_fail"
    assert second["reasons"][0]["code"] == "out_of_stock"
    assert whole_database() == before


def test_forecast__of_all_subscriptions_is_in_order_of_time() -> None:
    # given
    one, other = daily(), daily()

    # when
    response = API(staff()).get("/order_subscriptions/forecast")

    # then
    meta = response.json()["meta"]
    ids = [renewal["order_subscription"]["id"] for renewal in meta["renewals"]]
    assert meta["until"] == "2027-03-01T08:00:00.000Z"
    assert ids == [one.public_id, other.public_id] * 30


def test_forecast__of_subscriptions_that_the_client_may_see_only() -> None:
    # given
    mine, other = daily(), daily()
    api = API(shopper(mine.source_order.customer))

    # when
    response = api.get("/order_subscriptions/forecast?until=2027-01-31")
    refused = api.get(f"/order_subscriptions/{other.public_id}/forecast")

    # then
    renewals = response.json()["meta"]["renewals"]
    assert [one["order_subscription"]["id"] for one in renewals] == [mine.public_id]
    assert the_error_in(refused) == (404, "RECORD_NOT_FOUND", None)


def test_forecast__needs_a_token() -> None:
    assert the_error_in(API().get("/order_subscriptions/forecast"))[:2] == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("until=soon", "INVALID_FIELD_VALUE"),
        ("until=", "INVALID_FIELD_VALUE"),
        ("until=2027-02-30", "INVALID_FIELD_VALUE"),
        ("until=2027-01-30T08:00Z", "INVALID_FIELD_VALUE"),
        ("until=0001-01-01", "INVALID_FIELD_VALUE"),
        ("until=%00", "INVALID_FIELD_VALUE"),
        ("until=2027-02-01&until=2027-02-02", "PARAM_NOT_ALLOWED"),
        ("to=2027-02-01", "PARAM_NOT_ALLOWED"),
        ("include=source_order", "PARAM_NOT_ALLOWED"),
    ],
)
@pytest.mark.parametrize("place", ["forecast", "{id}/forecast"])
def test_forecast__wrong_query_is_refused(query: str, code: str, place: str) -> None:
    # given
    path = place.format(id=daily().public_id)

    # when
    response = API(staff()).get(f"/order_subscriptions/{path}?{query}")

    # then
    assert the_error_in(response) == (400, code, None)


def test_forecast__far_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(forecasts, "LIMIT", 3)
    daily()

    # when
    response = API(staff()).get("/order_subscriptions/forecast?until=2800-01-01")

    # then
    meta = response.json()["meta"]
    assert meta["renewals_count"] == 3
    assert meta["notice"].startswith("These are the first 3 renewals.")


def test_forecast__costs_the_same_queries_for_one_and_for_many() -> None:
    """SELECT the token, subscriptions that renew and that pause, and what the shop plans with."""
    # given
    api = API(staff())
    daily()
    with CaptureQueriesContext(connection) as one:
        api.get("/order_subscriptions/forecast?until=2027-01-31")
    for _ in range(3):
        daily()

    # when
    with CaptureQueriesContext(connection) as many:
        api.get("/order_subscriptions/forecast?until=2027-02-20")

    # then
    assert len(one) == len(many)
