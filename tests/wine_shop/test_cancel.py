"""Cancelling sources: alone, once, and not if they changed since the plan."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan
from tests.wine_shop.conftest import (
    add_line,
    copied,
    copies_of,
    copy_of,
    full_order,
    make_order,
    run,
)
from tests.wine_shop.copies import WineShop
from tests.wine_shop.documents import document
from tests.wine_shop.models import Address, Line, Order, Remark, Wine


def test_cancel__writes_the_declared_fields(cellar: None) -> None:
    # given
    order = make_order("W1", ("white", 3, "1"), status="placed", placed_at=timezone.now())
    Wine.objects.filter(code="white").update(pieces=0)

    # when
    target = copied(order, cancel_source_order=True)

    # then
    order.refresh_from_db()
    assert (order.status, target.status) == ("cancelled", "draft")
    assert order.updated_at >= order.cancelled_at > target.created_at  # type: ignore[operator]
    assert Wine.objects.get(code="white").pieces == 3
    assert target.lines.get().quantity == 3


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_cancel__second_time_is_refused(cellar: None, is_one_batch: bool) -> None:
    # given
    order = make_order("W1", ("red", 3, "1"))
    if is_one_batch:
        first, second = copies_of([order, order], cancel_source_order=True)
    else:
        first, second = copy_of(order, cancel_source_order=True), None
        run(first)
        second = copy_of(order, cancel_source_order=True)

    # when
    run(first, second)

    # then
    assert [first.status, second.status] == ["completed", "failed"]
    message = "cannot transition from cancelled to cancelled"
    assert second.errors_log == {"source_order": [message]}
    assert second.target_order.status == "draft"


def test_cancel__hook_may_refuse(cellar: None) -> None:
    # given
    shipped, other = make_order("W1", ("red", 1, "1"), note="shipped"), make_order("W2")
    order_copies = copies_of([shipped, other], cancel_source_order=True)

    # when
    run(*order_copies)

    # then
    assert [it.status for it in order_copies] == ["failed", "completed"]
    assert order_copies[0].errors_log == {"source_order": ["this order was shipped"]}
    shipped.refresh_from_db()
    assert shipped.status == "draft"


class Lenient(WineShop):
    """A shop that refuses to cancel when it plans."""

    cancelled = {"cancelled_at": timezone.now}

    def refuse_cancel(self, order: Any) -> str:
        return "a gift cannot be cancelled" if order.data.get("gift") else ""


def test_refuse_cancel__keeps_the_target_from_being_placed(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(Lenient)
    order = make_order("W1", ("red", 1, "1"), data={"gift": True})
    order_copy = copy_of(order, place_target_order=True, cancel_source_order=True)

    # when
    run(order_copy)

    # then
    assert order_copy.errors_log == {"source_order": ["a gift cannot be cancelled"]}
    assert order_copy.target_order.status == "draft"


def test_cancelled__may_be_told_by_a_time_alone(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Lenient)
    orders = [
        make_order("W1", ("red", 1, "1")),
        make_order("W2", ("red", 1, "1"), cancelled_at=datetime(2026, 1, 1, tzinfo=UTC)),
    ]
    order_copies = copies_of(orders, cancel_source_order=True)

    # when
    run(*order_copies)

    # then
    assert [it.status for it in order_copies] == ["completed", "failed"]


class Changed(WineShop):
    """A shop in which another process changes a source after its plan."""

    changes: list[Callable[[], Any]] = []

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        plans = super().plan(order_copies)
        if self.changes:
            self.changes.pop()()
        return plans


def change_address(order: Order) -> None:
    Address.objects.filter(pk=order.shipping_address_id).update(street="Rue 9")


def add_a_line(order: Order) -> None:
    add_line(order, "red", 1, "0")


def delete_a_remark(order: Order) -> None:
    Remark.objects.filter(order=order, text="order").delete()


def change_the_note(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(note="changed")


def change_the_data_of_a_line(order: Order) -> None:
    Line.objects.filter(order=order, case=None).update(data={"wood": "pine"})


@pytest.mark.parametrize(
    "change",
    [change_address, add_a_line, delete_a_remark, change_the_note, change_the_data_of_a_line],
)
def test_cancel__source_that_changed_since_the_plan_is_planned_again(
    cellar: None, use: Callable[..., None], change: Callable[[Order], None]
) -> None:
    # given
    use(Changed)
    order = full_order("W1")
    Changed.changes.append(lambda: change(order))

    # when
    target = copied(order, cancel_source_order=True)

    # then
    assert document(target) == document(order)
    assert Changed.changes == []


def test_cancel__time_of_the_last_change_does_not_count(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(Changed)
    order = full_order("W1")
    Changed.changes += [order.save] * 2

    # when
    copied(order, cancel_source_order=True)

    # then
    assert len(Changed.changes) == 1
    Changed.changes.clear()


def test_cancel__other_process_cancels_first(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Changed)
    order = make_order("W1", ("red", 1, "1"))
    Changed.changes.append(lambda: Order.objects.update(status="cancelled"))
    order_copy = copy_of(order, cancel_source_order=True)

    # when
    run(order_copy)

    # then
    message = "cannot transition from cancelled to cancelled"
    assert order_copy.errors_log == {"source_order": [message]}


def test_cancel__source_is_deleted_since_the_plan(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Changed)
    order = make_order("W1")
    Changed.changes.append(order.delete)
    order_copy = copy_of(order, cancel_source_order=True)

    # when
    run(order_copy)

    # then
    assert (order_copy.target_order, Order.objects.count()) == (None, 0)
    assert order_copy.status == "in_progress"
