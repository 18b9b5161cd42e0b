"""The copy page warns of earlier copies, so that no order is copied twice by mistake."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.models import OrderCopy
from orders.models import Order
from tests.api import staff
from tests.factories import OrderCopyFactory, draft_order, placed_order
from tests.stories import copied, requested

pytestmark = pytest.mark.django_db


def page_of(client: Client, *orders: Order) -> Any:
    ids = ",".join(str(order.pk) for order in orders)
    return client.get(f"{reverse('admin:orders_order_copy')}?ids={ids}", follow=True)


def link_to(order_copy: OrderCopy) -> str:
    url = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])
    return f'<a href="{url}">{order_copy}</a>'


def words_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_earlier_copies__are_counted_with_a_link_to_the_latest(
    admin_client: Client,
) -> None:
    # given
    order = placed_order()
    copied(order)
    latest = requested(order)

    # when
    words = words_of(page_of(admin_client, order))

    # then
    assert "Copied before" in words
    assert f"There are 2 copies of this order already. The latest: {link_to(latest)}, " in words
    assert ", pending. </p>" in words


def test_earlier_copies__order_without_copies_has_no_warning(admin_client: Client) -> None:
    copied(placed_order())

    words = words_of(page_of(admin_client, placed_order()))

    assert "Copied before" not in words


def test_earlier_copies__failed_copy_counts_only_if_it_left_an_order(
    admin_client: Client,
) -> None:
    # given
    nothing, left = placed_order(), draft_order()
    OrderCopyFactory(source_order=nothing, failed=True)
    OrderCopyFactory(source_order=nothing, status="aborted")
    order_copy = copied(left, place_target_order=True)

    # when
    page = page_of(admin_client, nothing, left)

    # then
    of = {row.preview.order: row.preview for row in page.context["rows"]}
    of_nothing, of_left = of[nothing], of[left]
    assert of_nothing.earlier is None
    assert (of_left.earlier.count, of_left.earlier.latest.pk) == (1, order_copy.pk)


def test_earlier_copies__staff_without_view_permission_see_the_count_only() -> None:
    # given
    order_copy = copied(placed_order())
    client = Client()
    client.force_login(staff("view_order", "add_ordercopy"))

    # when
    words = words_of(page_of(client, order_copy.source_order))

    # then
    assert "There is 1 copy of this order already. </p>" in words
    assert str(order_copy) not in words


def test_earlier_copies__recurring_copy_is_linked_too(admin_client: Client) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=placed_order(), type="recurring_order_copies")

    # when
    words = words_of(page_of(admin_client, order_copy.source_order))

    # then
    url = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])
    assert f'There is 1 copy of this order already. The latest: <a href="{url}">' in words
    assert admin_client.get(url).status_code == 200


def test_earlier_copies__query_count_is_equal_for_two_and_many_orders(admin_client: Client) -> None:
    """SELECT the copies of the orders, counted, and the latest of each."""
    # given
    orders = [copied(placed_order()).source_order for _ in range(4)]
    page_of(admin_client, *orders)

    # when
    with CaptureQueriesContext(connection) as for_two:
        page_of(admin_client, *orders[:2])
    with CaptureQueriesContext(connection) as for_many:
        page_of(admin_client, *orders)

    # then
    assert len(for_two) == len(for_many)
