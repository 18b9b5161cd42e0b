"""The list of subscriptions."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from order_copies.admin.subscriptions.words import attention_words, frequency_words
from order_copies.models import OrderSubscription, SubscriptionStatus
from tests.factories import (
    CustomerFactory,
    OrderSubscriptionFactory,
    SubscriptionModelFactory,
    placed_order,
)
from tests.order_copies.admin.subscriptions.pages import (
    LIST,
    START,
    cell,
    listed,
    query_count,
    signed_in,
    subscription,
    words_of,
)

pytestmark = pytest.mark.django_db


def test_list__without_subscriptions_says_how_to_make_one(admin_client: Client) -> None:
    assert "Open an order and press “Subscribe…”." in words_of(admin_client.get(LIST))


def test_list__links_the_calendar(admin_client: Client) -> None:
    # given
    url = reverse("admin:order_copies_ordersubscription_calendar")

    # when
    words = words_of(admin_client.get(LIST))

    # then
    assert f'<a href="{url}">Calendar</a>' in words
    assert admin_client.get(url).status_code == 200


def test_list__attention_first_then_next_run_cancelled_last(admin_client: Client) -> None:
    # given
    now = timezone.now()
    OrderSubscriptionFactory(number="late", next_run_at=now + timedelta(days=9))
    OrderSubscriptionFactory(number="soon", next_run_at=now + timedelta(days=1))
    OrderSubscriptionFactory(number="draft", status="draft", next_run_at=None)
    OrderSubscriptionFactory(number="over", status="cancelled", attention="out_of_stock")
    OrderSubscriptionFactory(
        number="broken", next_run_at=now + timedelta(days=20), attention="out_of_stock"
    )

    # when
    numbers = listed(admin_client)

    # then
    assert numbers == ["broken", "soon", "late", "draft", "over"]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"attention": "yes"}, {"failing"}),
        ({"attention": "no"}, {"fine", "new", "over"}),
        ({"kind": "automatic"}, {"failing"}),
        ({"kind": "manual"}, {"fine", "new", "over"}),
        ({"frequency": "monthly"}, {"fine", "failing", "over"}),
        ({"frequency": "crontab"}, {"new"}),
        ({"last_result": "succeeded"}, {"fine"}),
        ({"last_result": "failed"}, {"failing"}),
        ({"last_result": "none"}, {"new", "over"}),
        ({"status__exact": "cancelled"}, {"over"}),
        ({"last_result": "nonsense"}, {"fine", "failing", "new", "over"}),
    ],
)
def test_filter__lists_the_subscriptions_of_the_choice(
    admin_client: Client, query: dict[str, str], numbers: set[str]
) -> None:
    # given
    OrderSubscriptionFactory(number="fine", succeeded_on_last_run=True)
    OrderSubscriptionFactory(
        number="failing", automatic=True, succeeded_on_last_run=False, attention="price_drift"
    )
    OrderSubscriptionFactory(number="new", frequency="0 9 * * MON")
    OrderSubscriptionFactory(number="over", status="cancelled", attention="price_drift")

    # when
    found = listed(admin_client, **query)

    # then
    assert set(found) == numbers


def test_search__finds_number_email_reference_and_orders(admin_client: Client) -> None:
    # given
    order = placed_order(customer=CustomerFactory(email="ada@example.com"))
    one = OrderSubscriptionFactory(source_order=order, number="990000000077", reference="crm-1")
    OrderSubscriptionFactory()

    # when
    terms = [one.number, "ada@", "crm-1", order.public_id, order.number, one.public_id]
    found = [listed(admin_client, q=term) for term in terms]

    # then
    assert found == [[one.number]] * len(terms)


def test_search__finds_no_order_for_a_user_who_may_not_view_orders() -> None:
    # given
    one = OrderSubscriptionFactory(source_order__number="4711")
    client = signed_in("view_ordersubscription")

    # when
    by_order = listed(client, q="4711")
    by_number = listed(client, q=one.number)

    # then
    assert (by_order, by_number) == ([], [one.number])


def test_list__query_count_is_equal_for_one_and_many(admin_client: Client) -> None:
    """Session, user; count, page; years, models of the filters."""
    # given
    OrderSubscriptionFactory(automatic=True)
    query_count(admin_client, LIST)
    for_one = query_count(admin_client, LIST)
    for _ in range(4):
        OrderSubscriptionFactory(attention="blank", succeeded_on_last_run=False)

    # when
    for_many = query_count(admin_client, LIST)

    # then
    assert for_many == for_one


@pytest.mark.parametrize(
    ("values", "column", "text"),
    [
        ({"succeeded_on_last_run": True}, "last_result", ">succeeded<"),
        ({"succeeded_on_last_run": False}, "last_result", ">failed<"),
        ({}, "last_result", "–"),
        ({"attention": "source_gone"}, "last_result", "The source order was deleted."),
        ({"customer_email": "ada@example.com"}, "subscription", "ada@example.com"),
        ({"status": SubscriptionStatus.INACTIVE}, "status_badge", ">inactive<"),
        ({"next_run_at": None}, "next_run", "–"),
        ({"frequency": "hourly"}, "status_badge", "every hour"),
    ],
)
def test_column__says_it_in_words(values: dict[str, object], column: str, text: str) -> None:
    one = OrderSubscription(status="active")
    for name, value in values.items():
        setattr(one, name, value)

    assert text in cell(one, column)


def test_next_run__tells_how_far_it_is() -> None:
    # given
    now = timezone.now()
    coming = OrderSubscription(next_run_at=now + timedelta(days=3, minutes=1))
    due = OrderSubscription(next_run_at=now - timedelta(hours=2, seconds=1))
    paused = OrderSubscription(status="inactive", resumes_at=now + timedelta(days=5, minutes=1))

    # when
    texts = [cell(one, "next_run").replace("\xa0", " ") for one in (coming, due, paused)]

    # then
    assert "in 3 days" in texts[0]
    assert "2 hours ago" in texts[1]
    assert "paused until" in texts[2]
    assert "in 5 days" in texts[2]
    assert ">paused<" in cell(paused, "status_badge")


@pytest.mark.parametrize(
    ("frequency", "text"),
    [
        ("daily", "every day"),
        ("weekly", "every week on Friday"),
        ("monthly", "every month on the 31st, or the last day"),
        ("three-month", "every 3 months on the 31st, or the last day"),
        ("yearly", "every year on January 31"),
        ("0 9 * * MON", "by the crontab 0 9 * * MON"),
    ],
)
def test_frequency_words__name_the_day_of_the_first_slot(frequency: str, text: str) -> None:
    assert frequency_words(OrderSubscription(frequency=frequency, anchor_at=START)) == text


def test_frequency_words__early_day_exists_in_every_month() -> None:
    early = OrderSubscription(frequency="monthly", anchor_at=START - timedelta(days=28))
    draft = OrderSubscription(frequency="monthly")

    assert frequency_words(early) == "every month on the 3rd"
    assert frequency_words(draft) == "every month"


def test_attention_words__unknown_code_is_named() -> None:
    assert attention_words("") == ""
    assert attention_words("moon_phase") == "The last run failed: moon phase. Open its copy."


def test_subscription__starting_on_a_date_is_active() -> None:
    one = subscription()

    assert (one.status, one.next_run_at) == ("active", START)


def test_subscription_model__filters_the_list(admin_client: Client) -> None:
    # given
    model = SubscriptionModelFactory()
    one = OrderSubscriptionFactory(subscription_model=model)
    OrderSubscriptionFactory(automatic=True)

    # when
    found = listed(admin_client, subscription_model__id__exact=str(model.pk))

    # then
    assert found == [one.number]
