"""Story: staff undo a copy, and the shop is as if the original had never been replaced."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from order_copies import copying
from order_copies.events.models import Event
from order_copies.models import OrderFactory
from order_copies.shops import Capability
from orders.copying.shop import ReferenceShop
from orders.models import Coupon, LineItem, Order, StockItem
from tests import stories
from tests.audits import audited
from tests.factories import (
    CouponFactory,
    OrderCopyFactory,
    SkuFactory,
    draft_order,
    pending_order,
    placed_order,
    tomorrow,
)
from tests.stories import WHO, copied, fresh, statuses, target_of

pytestmark = pytest.mark.django_db

SWAP = {"place_target_order": True, "cancel_source_order": True}


class CopyingShop(ReferenceShop):
    """A shop that cannot undo."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities - {Capability.UNDO}


def undo(order_copy: OrderFactory) -> list[str]:
    """Undo a copy; return the reasons why it was not undone."""
    foreseen = [problem.message for problem in copying.why_not_undone(order_copy)]
    problems = [problem.message for problem in copying.undo(order_copy, actor=WHO)]
    assert problems == foreseen
    return problems


def swapped(**attributes: Any) -> OrderFactory:
    """Return a copy that replaced a placed order."""
    order_copy = copied(placed_order(**attributes), **SWAP)
    assert (order_copy.status, order_copy.errors_count) == ("completed", 0)
    return order_copy


# What it does


def test_undo__swap_cancels_the_target_and_reinstates_the_source() -> None:
    # given
    sku, coupon = SkuFactory(stock=2), CouponFactory(usage_limit=1)
    order_copy = swapped(lines=[{"sku": sku, "quantity": 2}], coupon=coupon)
    source, target = order_copy.source_order, target_of(order_copy)

    # when
    problems = undo(order_copy)

    # then
    assert problems == []
    assert statuses(source) == ("pending", "unpaid", "unfulfilled")
    assert statuses(target) == ("cancelled", "voided", "unfulfilled")
    source = Order.objects.get(pk=source.pk)
    assert (source.placed_at, source.cancelled_at) == (None, None)
    assert StockItem.objects.get().reserved == 0
    assert Coupon.objects.get().usage_count == 0
    order_copy = fresh(order_copy)
    assert (order_copy.status, order_copy.target_order) == ("completed", target)
    assert stories.events_of(order_copy)[-1] == "order_copies.undo"
    [reinstated] = Event.objects.filter(name="orders.reinstate")
    assert reinstated.who == WHO | {
        "order_copy": {"type": "order_copies", "id": order_copy.public_id}
    }
    # The worker voids what the end of this transaction would.
    stories.run_all()
    assert audited(final=True) == []


def test_undo__reinstated_source_can_be_placed_and_replaced_again() -> None:
    # given
    order_copy = swapped()
    undo(order_copy)

    # when
    placed = stories.placed_by_hand(order_copy.source_order)
    again = copied(order_copy.source_order, **SWAP)

    # then
    assert placed == [[]]
    assert again.status == "completed"
    assert audited(final=True) == []


def test_undo__chain_of_swaps_is_undone_from_its_end() -> None:
    # given
    first = swapped(lines=[{"sku": SkuFactory(stock=1)}])
    source, between = first.source_order, target_of(first)
    last = copied(between, **SWAP)

    # when
    undo(last)

    # then
    assert statuses(between)[:2] == ("pending", "unpaid")
    assert audited() == []

    # when
    undo(first)

    # then
    assert statuses(source)[:2] == ("pending", "unpaid")
    assert statuses(between)[:2] == ("cancelled", "unpaid")
    assert StockItem.objects.get().reserved == 0
    assert audited() == []


def test_undo__copy_that_cancelled_nothing_leaves_the_source() -> None:
    # given
    order_copy = copied(placed_order())
    before = stories.every_byte(order_copy.source_order)

    # when
    problems = undo(order_copy)

    # then
    assert problems == []
    assert statuses(target_of(order_copy))[0] == "cancelled"
    assert stories.every_byte(order_copy.source_order) == before


def test_undo__repeating_it_has_no_effect() -> None:
    # given
    order_copy = swapped()
    undo(order_copy)
    stories.placed_by_hand(order_copy.source_order)
    before = stories.whole_database()

    # when
    problems = copying.undo(order_copy, actor=WHO)

    # then
    assert problems == []
    assert stories.whole_database() == before
    assert [one.code for one in copying.why_not_undone(order_copy)] == ["undone"]


# Why not


def refused(order_copy: OrderFactory) -> list[str]:
    """Return the reasons why a copy is not undone; fails if anything is written."""
    before = stories.whole_database()
    problems = undo(order_copy)
    assert stories.whole_database() == before
    return problems


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"payment_status": "paid"}, "the copy cannot be cancelled once it is paid: refund it"),
        (
            {"fulfillment_status": "in_progress"},
            "the copy cannot be cancelled once its ful",
        ),
        ({"status": "cancelled"}, "the copy is cancelled already"),
        ({"status": "placing"}, "the copy is placing: such an order cannot be cancelled"),
    ],
)
def test_undo__target_that_cannot_be_cancelled_is_kept(values: dict[str, str], reason: str) -> None:
    # given
    order_copy = swapped()
    Order.objects.filter(pk=order_copy.target_order_id).update(**values)

    # when, then
    [message] = refused(fresh(order_copy))
    assert message.startswith(reason)


def test_undo__draft_cannot_be_cancelled() -> None:
    assert refused(copied(draft_order())) == [
        "the copy is draft: such an order cannot be cancelled"
    ]


def test_undo__source_is_not_reinstated_without_its_stock() -> None:
    # given
    sku = SkuFactory(stock=3)
    order_copy = swapped(lines=[{"sku": sku, "quantity": 3}])
    of_target = LineItem.objects.filter(order=order_copy.target_order, item_type="skus")
    of_target.update(quantity=1)
    of_target.get().stock_reservation.delete()
    StockItem.objects.update(quantity=1, reserved=0)

    # when, then
    assert refused(order_copy) == [
        f"the original cannot be sold again: only 1 of 3 {sku.code} left"
    ]


def test_undo__source_with_another_life_is_left_alone() -> None:
    # given
    order_copy = swapped()
    Order.objects.filter(pk=order_copy.source_order_id).update(status="placed")

    # when, then
    assert refused(fresh(order_copy)) == ["the original is placed already"]


def test_undo__is_refused_after_its_window(settings: Any) -> None:
    # given
    order_copy = copied(placed_order())
    completed_at = order_copy.completed_at - timedelta(minutes=61)
    OrderFactory.objects.filter(pk=order_copy.pk).update(completed_at=completed_at)
    order_copy = fresh(order_copy)

    # when, then
    assert refused(order_copy) == ["it completed too long ago: cancel or change the orders by hand"]
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"UNDO_WINDOW": 2 * 3600}
    assert undo(order_copy) == []


def test_undo__copies_without_an_order_or_of_subscriptions_have_none() -> None:
    # given
    failed = copied(placed_order(coupon=CouponFactory(expired=True)))
    without_target = OrderCopyFactory(completed=True)
    without_source = OrderCopyFactory(
        completed=True, source_order=None, target_order=pending_order(), cancel_source_order=True
    )
    of_subscription = OrderCopyFactory(completed=True, scheduled_for=tomorrow())

    # when
    reasons = [refused(it) for it in (failed, without_target, without_source, of_subscription)]

    # then
    assert reasons == [
        ["it has not completed: only a completed copy can be undone"],
        ["its order was deleted"],
        ["the original was deleted: it cannot be reinstated"],
        ["it is a run of a subscription: cancel its order, and change the subscription"],
    ]


def test_undo__shop_that_cannot_says_so(settings: Any) -> None:
    # given
    order_copy = copied(placed_order())
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.CopyingShop"}

    # when, then
    assert refused(order_copy) == [
        "this shop cannot undo copies: cancel or change the orders by hand"
    ]


# In the admin


def page_of(order_copy: OrderFactory, view: str = "change") -> str:
    return reverse(f"admin:order_copies_ordercopy_{view}", args=[order_copy.pk])


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]  # type: ignore[attr-defined]


def test_admin__undo_is_confirmed_with_the_sum_and_done_once(admin_client: Client) -> None:
    # given
    order_copy = swapped(lines=[{"unit_amount_cents": 1000, "quantity": 1}], options=0)
    source, target = order_copy.source_order, target_of(order_copy)

    # when
    page = admin_client.get(page_of(order_copy)).content.decode()
    confirmation = admin_client.get(page_of(order_copy, "undo")).content.decode()
    done = admin_client.post(page_of(order_copy, "undo"), follow=True)
    again = admin_client.post(page_of(order_copy, "undo"), follow=True)

    # then
    assert f'href="{page_of(order_copy, "undo")}"' in page
    assert f"1 order is cancelled: the copy {target}." in confirmation
    assert f"1 order is reinstated: the original {source}" in confirmation
    total = target.total_amount_with_taxes_cents
    assert f"Its total is {total // 100}.{total % 100:02}\u00a0EUR" in confirmation
    [message] = messages_of(done)
    assert message.startswith(f"The copy is undone: {target} is cancelled, and {source} is")
    assert messages_of(again) == ["The copy was undone already. Nothing was changed."]
    assert [str(step.label) for step in done.context["timeline"].steps][-1] == "undone"
    assert "Cannot be undone" not in done.content.decode()
    assert LogEntry.objects.get().change_message == "Undone."


def test_admin__page_and_confirmation_say_why_not(admin_client: Client) -> None:
    # given
    order_copy = swapped()
    Order.objects.filter(pk=order_copy.target_order_id).update(fulfillment_status="fulfilled")

    # when
    page = admin_client.get(page_of(order_copy)).content.decode()
    confirmation = admin_client.get(page_of(order_copy, "undo")).content.decode()
    refusal = admin_client.post(page_of(order_copy, "undo"), follow=True)

    # then
    reason = "he copy cannot be cancelled once its fulfillment is fulfilled"
    assert f"Cannot be undone: t{reason}." in page
    assert f"The copy cannot be undone: t{reason}." in confirmation

    assert messages_of(refusal) == [f"The copy was not undone: t{reason}."]


def test_admin__undo_without_a_swap_names_the_cancelled_order(admin_client: Client) -> None:
    # given
    order_copy = copied(placed_order())

    # when
    confirmation = admin_client.get(page_of(order_copy, "undo")).content.decode()
    done = admin_client.post(page_of(order_copy, "undo"), follow=True)

    # then
    assert "The original stays as it is." in confirmation
    assert messages_of(done) == [f"The copy is undone: {order_copy.target_order} is cancelled."]


def test_admin__copy_deleted_meanwhile_has_a_message(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order_copy = copied(placed_order())
    undo_copy = copying.undo

    def delete_then_undo(*arguments: Any, **keywords: Any) -> Any:
        OrderFactory.objects.all().delete()
        return undo_copy(*arguments, **keywords)

    monkeypatch.setattr(copying, "undo", delete_then_undo)

    # when
    response = admin_client.post(page_of(order_copy, "undo"), follow=True)

    # then
    assert "The copy was deleted in the meantime." in messages_of(response)


def test_admin__copy_that_does_not_exist_has_a_message(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:order_copies_ordercopy_undo", args=[9]), follow=True)

    assert "exist" in messages_of(response)[0]


def test_admin__copy_that_does_not_exist_is_forbidden_without_permission(client: Client) -> None:
    client.force_login(User.objects.create_user("kim", is_staff=True))

    response = client.get(reverse("admin:order_copies_ordercopy_undo", args=[9]))

    assert response.status_code == 403


def test_admin__orders_of_copies_are_shown_to_those_who_may_view_them(client: Client) -> None:
    # given
    order_copy = swapped()
    user = User.objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_ordercopy"))
    client.force_login(user)

    # when
    response = client.get(page_of(order_copy))

    # then
    page = response.content.decode()
    assert order_copy.source_order.customer_email not in page
    assert response.context["comparison"].facts == []
    assert len(response.context["comparison"].lines) == len(order_copy.outcomes)
    assert "undone" not in page
