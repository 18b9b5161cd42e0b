"""The calendar of subscriptions in the admin."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from order_copies.admin import calendar
from order_copies.models import OrderSubscription
from tests.api import staff
from tests.factories import SkuFactory, placed_order
from tests.order_copies.admin import calendar_site
from tests.stories import whole_database
from tests.subscriptions import subscribed

pytestmark = [pytest.mark.django_db, pytest.mark.urls(calendar_site.__name__)]

NOW = datetime(2027, 1, 29, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGE = "/calendar_site/order_copies/ordersubscription/calendar/"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(staff("view_ordersubscription"))
    return client


def daily(stock: int = 100, **attributes: Any) -> OrderSubscription:
    """Return a daily subscription, from 9:00 on, to two pieces of an SKU with this stock left."""
    lines = [{"sku": SkuFactory(stock=stock + 2), "quantity": 2, "unit_amount_cents": 1000}]
    order = placed_order(lines=lines, options=0, shipping=False, payment_fee=False)
    return subscribed(order, NOW + HOUR, **attributes)


def rows(response: HttpResponse) -> list[list[str]]:
    """Return the texts of the cells of the table."""
    found = re.findall(r"<tr>(.*?)</tr>", response.text, re.DOTALL)
    return [_cells(row) for row in found if "</td>" in row]


def _cells(row: str) -> list[str]:
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
    return [unescape(re.sub(r"<.*?>", "", cell)).replace("\xa0", " ").strip() for cell in cells]


def test_calendar__has_a_row_for_each_day_of_the_month_that_renews(client: Client) -> None:
    # given
    daily(stock=4)
    daily(frequency="weekly")
    before = whole_database()

    # when
    response = client.get(PAGE)

    # then
    assert response.status_code == 200
    assert "Renewals in January 2027" in response.text
    assert rows(response) == [
        ["Fri Jan. 29, 2027", "2", "–", "–", "40.00 EUR"],
        ["Sat Jan. 30, 2027", "1", "–", "–", "20.00 EUR"],
        ["Sun Jan. 31, 2027", "–", "–", "1", "–"],
    ]
    assert '<a href="?day=2027-01-31">' in response.text
    assert '<a href="?month=2027-02">' in response.text
    assert '<a href="?month=2026-12">' not in response.text
    assert whole_database() == before


def test_calendar__of_a_later_month(client: Client) -> None:
    # given
    daily(frequency="monthly")

    # when
    response = client.get(PAGE, {"month": "2027-02"})

    # then the 29th is not there
    assert rows(response) == [["Sun Feb. 28, 2027", "1", "–", "–", "20.00 EUR"]]
    assert '<a href="?month=2027-01">' in response.text


def test_calendar__day_lists_problems_first_with_their_reasons(client: Client) -> None:
    # given
    fine, failing = daily(), daily(stock=1)

    # when
    response = client.get(PAGE, {"day": "2027-01-30"})

    # then
    first, second = rows(response)
    assert first[:4] == ["9 a.m.", failing.number, "Will fail", first[3]]
    assert first[4].startswith("Line items: ")
    assert "left" in first[4]
    assert second == ["9 a.m.", fine.number, "Will complete", "20.00 EUR", "–"]
    change = f"/calendar_site/order_copies/ordersubscription/{failing.pk}/change/"
    assert f'<a href="{change}">{failing.number}</a>' in response.text
    assert f'<a href="{PAGE}?month=2027-01">' in response.text


def test_calendar__without_renewals_says_so(client: Client) -> None:
    assert "No subscription renews in this month." in client.get(PAGE).text
    day = client.get(PAGE, {"day": "2027-01-29"})
    assert "No subscription renews on this day." in day.text


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-12"},
        {"month": "soon"},
        {"month": ""},
        {"month": "9999-12"},
        {"day": "2027-01-28"},
        {"day": "2027-02-30"},
        {"day": "\0"},
        {"day": "9999-12-31"},
    ],
)
def test_calendar__wrong_date_shows_the_current_month_with_a_message(
    client: Client, query: dict[str, str]
) -> None:
    # when
    response = client.get(PAGE, query)

    # then
    assert response.status_code == 200
    assert "Choose a day or month that is not past." in response.text
    assert "Renewals in January 2027" in response.text


def test_calendar__last_month_that_there_is(client: Client) -> None:
    assert "Renewals in December 9998" in client.get(PAGE, {"month": "9998-12"}).text


def test_calendar__needs_permission_to_view_subscriptions() -> None:
    # given
    client = Client()
    client.force_login(staff("view_ordercopy"))

    # then
    assert client.get(PAGE).status_code == 403


def test_calendar__is_bounded_and_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(calendar, "LIMIT", 2)
    monkeypatch.setattr(calendar, "MAX_LISTED", 1)
    for _ in range(2):
        daily()

    # when
    month, day = client.get(PAGE), client.get(PAGE, {"day": "2027-01-29"})

    # then
    assert len(rows(month)) == 1
    assert "These are the first 2 renewals." in month.text
    assert len(rows(day)) == 1
    assert "1 more are not listed." in day.text


def test_calendar__days_are_those_of_the_time_zone_of_the_shop(
    client: Client, settings: LazySettings
) -> None:
    # given
    settings.TIME_ZONE = "Asia/Tokyo"
    subscribed(placed_order(), NOW + 8 * HOUR)

    # then 16:00 in UTC is the next day
    assert rows(client.get(PAGE))[0][0] == "Sat Jan. 30, 2027"


def test_calendar__has_no_script_or_style_of_its_own(client: Client) -> None:
    # given
    daily()

    # then
    for query in ({}, {"day": "2027-01-29"}):
        text = client.get(PAGE, query).text
        content = text[text.index('<div id="content-main">') :]
        assert not re.search(r"<script|<style| style=| on[a-z]+=", content)


def test_calendar__costs_the_same_queries_for_one_and_for_many(client: Client) -> None:
    """SELECT the session and user, subscriptions, and what the shop reads to plan."""
    # given
    daily()
    client.get(PAGE)
    with CaptureQueriesContext(connection) as one:
        client.get(PAGE)
    for _ in range(3):
        daily()

    # when
    with CaptureQueriesContext(connection) as many:
        client.get(PAGE)

    # then
    assert len(one) == len(many)
