"""The lineage of an order: the orders that it goes back to, and its copies."""

import pytest
from django.contrib.admin import AdminSite
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.admin import lineage as lineage_module
from order_copies.admin.lineage import LineageMixin, Node, lineage_of
from orders.models import Order
from tests.factories import CouponFactory, pending_order
from tests.stories import copied, copied_together, target_of, unsaved

pytestmark = pytest.mark.django_db


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def tree(node: Node) -> tuple[object, list[object]]:
    return node.order, [tree(child) for child in node.children]


def chain(order: Order, length: int) -> list[Order]:
    """Return an order, the target of a copy of it, the target of a copy of that one, and so on."""
    orders = [order]
    for _ in range(length):
        orders.append(target_of(copied(orders[-1])))
    return orders


def test_lineage__goes_up_to_the_oldest_order_and_down_to_all_copies() -> None:
    # given
    first, second, third = chain(pending_order(lines=1), 2)
    other = target_of(copied(second))
    copied(first)

    # when
    lineage = lineage_of(second)

    # then
    assert tree(lineage.root) == (first, [(second, [(other, []), (third, [])])])
    assert lineage.here.order == second
    assert not lineage.root.is_cut


def test_lineage__is_bounded_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(lineage_module, "MAX_DEPTH", 1)
    monkeypatch.setattr(lineage_module, "MAX_CHILDREN", 2)
    orders = chain(pending_order(lines=1), 2)
    copied_together([unsaved(orders[2]) for _ in range(4)])
    copied(target_of(copied(orders[2])))

    # when
    lineage = lineage_of(orders[2])

    # then
    assert lineage.root.order == orders[1]
    assert lineage.root.is_cut
    assert (len(lineage.here.children), lineage.here.more) == (2, 3)
    assert [node.is_cut for node in lineage.here.children] == [True, False]


def test_lineage__of_many_copies_shows_the_copies_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(lineage_module, "MAX_PARENTS", 1)
    order = pending_order(lines=1)
    for _ in range(2):
        copied(target_of(copied(order)))

    # when
    children = lineage_of(order).here.children

    # then
    assert [(len(child.children), child.is_cut) for child in children] == [(1, False), (0, True)]


def test_order_lineage__without_pages_has_names_only() -> None:
    # given
    order_admin = LineageMixin()
    order_admin.admin_site = AdminSite("elsewhere")
    order, target = chain(pending_order(lines=1), 1)

    # when
    alone, tree_of_target = map(order_admin.order_lineage, [pending_order(lines=1), target])

    # then
    assert alone == "–"
    assert str(order) in tree_of_target


def test_lineage__query_count_grows_with_generations_not_with_copies() -> None:
    """One for the copy that made the order; one for each generation of copies."""
    # given
    order = pending_order(lines=1)
    copied(order)
    with CaptureQueriesContext(connection) as for_one:
        lineage_of(order)

    # when
    copied_together([unsaved(order) for _ in range(9)])
    with CaptureQueriesContext(connection) as for_many:
        lineage_of(order)

    # then
    assert len(for_one) == len(for_many) == 3


def test_order_page__shows_the_tree_with_links(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(lineage_module, "MAX_CHILDREN", 2)
    first, second = chain(pending_order(lines=1), 1)
    third = target_of(copied(second))
    order_copies = copied_together([unsaved(second) for _ in range(2)])
    without_order = copied(pending_order(lines=1, coupon=CouponFactory(expired=True)))

    # when
    page = admin_client.get(page_of(second)).content.decode()
    of_failed = admin_client.get(page_of(without_order.source_order)).content.decode()

    # then
    assert f'<a href="{page_of(first)}">{first}</a>' in page
    assert "this order" in page
    assert page_of(third) not in page
    assert all(one.public_id in page for one in order_copies)
    copies = reverse("admin:order_copies_ordercopy_changelist")
    assert f'<a href="{copies}?source_order__exact={second.pk}">and 1 more</a>' in page
    listed = admin_client.get(copies, {"source_order__exact": second.pk})
    assert listed.context["cl"].result_count == 3
    assert "no order" in of_failed
    assert without_order.public_id in of_failed
