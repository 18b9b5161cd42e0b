"""The dashboard on the index of the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from order_copies.models import OrderCopy, OrderSubscription, Status
from tests.api import staff
from tests.factories import OrderCopyFactory, draft_order

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")


def failed(log: dict[str, list[str]], *, days_ago: int = 0) -> None:
    """Create a copy that failed with this errors log."""
    at = timezone.now() - timedelta(days=days_ago)
    order_copy = OrderCopyFactory(source_order=draft_order(), failed=True)
    OrderCopy.objects.filter(pk=order_copy.pk).update(errors_log=log, failed_at=at)


def dashboard(client: Client) -> Any:
    return client.get(INDEX).context["dashboard"]


def test_dashboard__counts_the_copies_of_today_by_status(admin_client: Client) -> None:
    # given
    old = OrderCopyFactory(source_order=draft_order())
    OrderCopy.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    OrderCopyFactory(source_order=draft_order(), completed=True)
    OrderCopyFactory(source_order=draft_order(), completed=True)
    failed({"coupon_code": ["is invalid"]})

    # when
    shown = dashboard(admin_client)

    # then
    assert shown.today == ["1 failed", "2 completed"]
    assert shown.today_total == 3


def test_dashboard__shows_why_copies_failed_in_the_last_week(admin_client: Client) -> None:
    # given
    failed({"status": ["cannot transition"], "line_items": ["a", "b"]})
    failed({"line_items": ["a"]})
    failed({"status": ["cannot transition"]})
    failed({"coupon_code": ["is invalid"]}, days_ago=8)

    # when
    bars = dashboard(admin_client).bars

    # then
    assert [(bar.label, bar.count) for bar in bars] == [("Line items", 2), ("Status", 1)]
    assert bars[0].width == 2 * bars[1].width


def test_dashboard__says_how_long_the_oldest_copy_has_waited(admin_client: Client) -> None:
    # given
    waiting = OrderCopyFactory(source_order=draft_order())
    since = timezone.now() - timedelta(hours=3)
    OrderCopy.objects.filter(pk=waiting.pk).update(queued_at=since)
    OrderCopyFactory(source_order=draft_order())

    # when
    page = admin_client.get(INDEX)

    # then
    assert page.context["dashboard"].oldest == since
    assert "The oldest copy has waited for 3\xa0hours" in page.content.decode()


def test_dashboard__counts_subscriptions_that_need_attention(admin_client: Client) -> None:
    # given
    order = draft_order()
    for attention, status in (("out_of_stock", "active"), ("", "active"), ("x", "cancelled")):
        OrderSubscription.objects.create(
            source_order=order, frequency="daily", attention=attention, status=status
        )

    # when, then
    assert "1 subscription needs attention" in admin_client.get(INDEX).content.decode()


def test_dashboard__its_links_lead_to_the_copies_that_it_counts(admin_client: Client) -> None:
    # given
    failed({"coupon_code": ["is invalid"]})
    OrderCopyFactory(source_order=draft_order())
    links = dashboard(admin_client).links

    # when
    lists = {
        name: admin_client.get(links[name]).context["cl"].result_list
        for name in ("today", "failed", "pending")
    }

    # then
    assert {name: [one.status for one in found] for name, found in lists.items()} == {
        "today": [Status.PENDING, Status.FAILED],
        "failed": [Status.FAILED],
        "pending": [Status.PENDING],
    }


def test_dashboard__query_count_does_not_depend_on_the_copies(admin_client: Client) -> None:
    failed({"coupon_code": ["is invalid"]})
    with CaptureQueriesContext(connection) as for_one:
        admin_client.get(INDEX)
    for _ in range(4):
        failed({"line_items": ["is out of stock"]})
    with CaptureQueriesContext(connection) as for_many:
        admin_client.get(INDEX)
    assert len(for_one) == len(for_many)


def test_dashboard__is_not_shown_without_the_permission_to_view_copies(client: Client) -> None:
    client.force_login(staff("view_order"))
    page = client.get(INDEX).content.decode()
    assert "copies-dashboard" not in page
