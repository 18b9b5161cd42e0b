"""Each rule of subscriptions: the attribute and the code of the problem that it reports."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from order_copies.exceptions import SubscriptionModelGoneError
from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.plans import Problem
from order_copies.shops import Capability, Subscriber
from order_copies.subscriptions import rules
from orders.copying.shop import ReferenceShop
from tests.acceptance.shops import CopyingShop
from tests.subscriptions import DAY, FIRST, HOUR

NOW = FIRST
SHOP = ReferenceShop()
PLACED = Subscriber("ada@example.com", is_registered=True, is_placed=True)


def codes(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    return [(one.attribute, one.code) for one in problems]


def one_with(**values: Any) -> OrderSubscription:
    return OrderSubscription(**{"frequency": "daily", "status": "active"} | values)


@pytest.mark.parametrize(
    ("values", "subscriber", "expected"),
    [
        ({}, PLACED, []),
        ({"frequency": ""}, PLACED, [("frequency", "blank")]),
        ({"frequency": "fortnightly"}, PLACED, [("frequency", "invalid")]),
        ({"frequency": "* * * * *"}, PLACED, [("frequency", "invalid")]),
        ({"frequency": "0 9 * * mon"}, PLACED, []),
        ({}, Subscriber(is_registered=False, is_placed=True), [("source_order", "guest")]),
        ({}, Subscriber(), [("source_order", "not_placed")]),
        ({"activate_by_source_order": False}, Subscriber(), [("starts_at", "blank")]),
        ({"activate_by_source_order": False, "starts_at": FIRST + HOUR}, Subscriber(), []),
        ({"starts_at": NOW}, PLACED, [("starts_at", "greater_than")]),
        ({"expires_at": NOW}, PLACED, [("expires_at", "greater_than")]),
        (
            {"starts_at": FIRST + DAY, "expires_at": FIRST + DAY},
            PLACED,
            [("expires_at", "greater_than")],
        ),
        ({"renewal_alert_period": 0}, PLACED, [("renewal_alert_period", "inclusion")]),
        ({"renewal_alert_period": 721}, PLACED, [("renewal_alert_period", "inclusion")]),
        ({"renewal_alert_period": 720}, PLACED, []),
        ({"price_policy": "cheapest"}, PLACED, [("price_policy", "inclusion")]),
        (
            {"max_price_increase_percent": -1},
            PLACED,
            [("max_price_increase_percent", "inclusion")],
        ),
        (
            {"max_price_increase_percent": 10_000},
            PLACED,
            [("max_price_increase_percent", "inclusion")],
        ),
        (
            {"frequency": "x", "expires_at": NOW},
            PLACED,
            [("frequency", "invalid"), ("expires_at", "greater_than")],
        ),
    ],
    ids=str,
)
def test_new(values: Any, subscriber: Subscriber, expected: Any) -> None:
    one = one_with(**{"status": "draft"} | values)

    assert codes(rules.of_new(one, subscriber, SHOP, NOW, waits_for_source=False)) == expected


@pytest.mark.parametrize(
    "percent", [-1, "5", float("nan"), Decimal("Infinity"), Decimal("sNaN"), Decimal("9999.991")]
)
def test_terms__price_increase_that_no_column_stores(percent: Any) -> None:
    problems = rules.of_update(one_with(), {"max_price_increase_percent": percent}, SHOP, NOW)

    assert codes(problems) == [("max_price_increase_percent", "inclusion")]


@pytest.mark.parametrize("percent", [None, 0, 12.5, Decimal("9999.99")])
def test_terms__price_increase(percent: Any) -> None:
    assert rules.of_update(one_with(), {"max_price_increase_percent": percent}, SHOP, NOW) == []


def test_terms__payment_source_is_refused_without_a_wallet() -> None:
    # given
    shop, values = CopyingShop(), {"customer_payment_source_key": "7"}
    new = one_with(**values)

    # when
    created = rules.of_new(new, PLACED, shop, NOW, waits_for_source=False)
    updated = rules.of_update(one_with(), values, shop, NOW)

    # then
    assert codes(created) == codes(updated) == [("customer_payment_source", "unsupported")]
    assert updated[0].message == "this shop has no wallet"
    assert rules.of_update(new, {"customer_payment_source_key": ""}, shop, NOW) == []
    assert rules.of_update(one_with(), values, SHOP, NOW) == []


def test_new__frequency_is_set_to_its_normal_form() -> None:
    one = one_with(frequency=" 0  9 * * mon ")

    assert rules.of_new(one, PLACED, SHOP, NOW, waits_for_source=False) == []
    assert one.frequency == "0 9 * * MON"


@pytest.mark.django_db
def test_new__automatic_one_needs_a_frequency_of_its_model() -> None:
    # given
    frequencies = ["three-months", "0 9 * * mon"]
    model = SubscriptionModel.objects.create(name="Model", frequencies=frequencies)

    # then
    for frequency, expected in [
        ("three-month", []),
        ("0 9 * * MON", []),
        ("daily", [("frequency", "inclusion")]),
    ]:
        one = one_with(frequency=frequency, subscription_model=model)
        assert codes(rules.of_new(one, PLACED, SHOP, NOW, waits_for_source=False)) == expected


@pytest.mark.django_db
def test_new__model_that_does_not_exist_raises() -> None:
    one = one_with(subscription_model_id=1)

    with pytest.raises(SubscriptionModelGoneError):
        rules.of_new(one, PLACED, SHOP, NOW, waits_for_source=False)


@pytest.mark.django_db
def test_new__automatic_one_has_the_model_of_the_market() -> None:
    # given
    own, other = (
        SubscriptionModel.objects.create(name="Model", frequencies=["daily"]) for _ in range(2)
    )
    subscriber = Subscriber(is_registered=True, is_placed=True, subscription_model=own.pk)

    # then
    for model, expected in [(own, []), (other, [("subscription_model", "invalid")])]:
        one = one_with(frequency="daily", subscription_model=model)
        assert codes(rules.of_new(one, subscriber, SHOP, NOW, waits_for_source=False)) == expected


@pytest.mark.django_db
def test_new__automatic_one_needs_a_shop_that_can_build_its_copies() -> None:
    model = SubscriptionModel.objects.create(name="Model", frequencies=["daily"])
    one = one_with(subscription_model=model)

    problems = rules.of_new(one, PLACED, CopyingShop(), NOW, waits_for_source=False)

    assert codes(problems) == [("subscription_model", "unsupported")]
    assert problems[0].message == Capability.RECURRING.absence


@pytest.mark.parametrize(
    ("before", "values", "expected"),
    [
        ({}, {"frequency": "hourly"}, []),
        ({}, {"frequency": None}, [("frequency", "blank")]),
        ({}, {"frequency": "sometimes"}, [("frequency", "invalid")]),
        ({}, {"expires_at": None}, []),
        ({}, {"expires_at": NOW}, [("expires_at", "greater_than")]),
        ({"starts_at": NOW + DAY}, {"expires_at": NOW + HOUR}, [("expires_at", "greater_than")]),
        ({}, {"next_run_at": None}, [("next_run_at", "blank")]),
        ({}, {"next_run_at": NOW}, [("next_run_at", "greater_than")]),
        ({"next_run_at": NOW + DAY}, {"next_run_at": NOW + DAY}, [("next_run_at", "greater_than")]),
        ({"last_slot": NOW + DAY}, {"next_run_at": NOW + HOUR}, [("next_run_at", "greater_than")]),
        ({"status": "draft"}, {"next_run_at": NOW + DAY}, [("next_run_at", "not_active")]),
        ({"status": "running"}, {"next_run_at": NOW + DAY}, []),
        ({"expires_at": NOW + DAY}, {"next_run_at": NOW + DAY}, [("next_run_at", "less_than")]),
        ({"expires_at": NOW + DAY}, {"next_run_at": NOW + DAY, "expires_at": None}, []),
        ({}, {"resumes_at": None}, []),
        ({}, {"resumes_at": NOW}, [("resumes_at", "greater_than")]),
        ({"status": "draft"}, {"resumes_at": NOW + DAY}, [("resumes_at", "not_active")]),
        ({"expires_at": NOW + DAY}, {"resumes_at": NOW + DAY}, [("resumes_at", "less_than")]),
        ({}, {"renewal_alert_period": "12"}, [("renewal_alert_period", "inclusion")]),
        ({"status": "cancelled"}, {"expires_at": NOW + DAY}, [("status", "cancelled")]),
        ({"status": "cancelled"}, {"reference": "R", "metadata": {}}, []),
    ],
    ids=str,
)
def test_update(before: Any, values: Any, expected: Any) -> None:
    assert codes(rules.of_update(one_with(**before), values, SHOP, NOW)) == expected


@pytest.mark.parametrize(
    ("values", "subscriber", "expected"),
    [
        ({}, PLACED, []),
        ({}, None, [("source_order", "source_gone")]),
        ({}, Subscriber(), [("source_order", "not_placed")]),
        ({"anchor_at": NOW - DAY}, Subscriber(), []),
        ({"activate_by_source_order": False}, Subscriber(), []),
        ({"expires_at": NOW}, PLACED, [("expires_at", "expired")]),
    ],
    ids=str,
)
def test_activation(values: Any, subscriber: Subscriber | None, expected: Any) -> None:
    assert codes(rules.of_activation(one_with(**values), subscriber, NOW)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"status": "running"}, [("status", "running")]),
        ({"status": "inactive"}, [("status", "not_active")]),
        ({"source_order_id": None}, [("source_order", "source_gone")]),
        ({"next_run_at": None}, [("next_run_at", "no_slot")]),
        ({"expires_at": NOW}, [("next_run_at", "no_slot")]),
        ({"expires_at": NOW + timedelta(microseconds=1)}, []),
    ],
    ids=str,
)
def test_run(values: Any, expected: Any) -> None:
    one = one_with(**{"source_order_id": 1, "next_run_at": NOW + DAY} | values)

    assert codes(rules.of_run(one, NOW)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"quantity": 0}, [("quantity", "greater_than")]),
        ({"quantity": True, "unit_amount_cents": 0}, []),
        ({"quantity": 2**31}, [("quantity", "less_than")]),
        ({"quantity": None}, [("quantity", "greater_than")]),
        ({"unit_amount_cents": None}, [("unit_amount_cents", "greater_than_or_equal_to")]),
        ({"unit_amount_cents": -1}, [("unit_amount_cents", "greater_than_or_equal_to")]),
        ({"unit_amount_cents": 2**53 - 1}, []),
        ({"unit_amount_cents": 2**53}, [("unit_amount_cents", "less_than")]),
        ({"quantity": 2, "unit_amount_cents": 2**52}, [("quantity", "less_than")]),
    ],
    ids=str,
)
def test_item(values: Any, expected: Any) -> None:
    item = OrderSubscriptionItem(**{"quantity": 1, "unit_amount_cents": 100} | values)

    assert codes(rules.of_item(item)) == expected


def test_items__automatic_subscription_has_some() -> None:
    [problem] = rules.of_items(one_with(subscription_model_id=1), [])

    assert (problem.attribute, problem.code) == ("order_subscription_items", "blank")
