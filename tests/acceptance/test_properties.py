"""Property tests: what holds for every order and every set of toggles."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from order_copies import copying, plans
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.plans import CopyPlan
from order_copies.worker.run import run_batch
from orders.models import Coupon, Order, StockItem, StockReservation
from tests import stories, strategies
from tests.factories import placed_order, totals_of

pytestmark = pytest.mark.django_db


@given(strategies.copyable)
def test_frozen_copy__equals_its_source(description: strategies.Description) -> None:
    # given
    source = strategies.build(description)

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert without_payment_source(target) == without_unused_coupon(source)
    assert stories.amounts(target) == without_gift_card(source)


@given(strategies.copyable)
def test_copy_of_a_copy__equals_the_copy(description: strategies.Description) -> None:
    # given
    source = strategies.build(description)

    # when
    first = stories.target_of(stories.copied(source))
    second = stories.target_of(stories.copied(first))

    # then
    assert stories.contents(second) == stories.contents(first)
    assert stories.amounts(second) == stories.amounts(first)
    assert stories.statuses(second) == stories.statuses(first)


def without_payment_source(order: Order) -> dict[str, Any]:
    contents = stories.contents(order)
    del contents["order"]["payment_source_id"]
    return contents


def without_unused_coupon(order: Order) -> dict[str, Any]:
    """Return the contents of an order, without an unused coupon code: it is not copied."""
    contents = without_payment_source(order)
    given = order.line_items.filter(coupon_code=order.coupon_code).exclude(total_amount_cents=0)
    if not given.exists():
        contents["order"]["coupon_code"] = ""
    return contents


def without_gift_card(order: Order) -> dict[str, int]:
    amounts = stories.amounts(order)
    amounts["total_amount_with_taxes_cents"] -= amounts["gift_card_amount_cents"]
    return amounts | {"gift_card_amount_cents": 0}


@given(strategies.any_order, strategies.toggles)
def test_source__unchanged_byte_for_byte_unless_cancelled(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(source, **toggles)

    # then
    if stories.statuses(source)[0] == source.status:
        assert stories.every_byte(source) == before
    else:
        assert toggles["cancel_source_order"]
        assert not order_copy.errors_log.keys() & {"status", "source_order"}
        assert order_copy.status == Status.COMPLETED


@given(strategies.any_order, strategies.toggles)
def test_preview__equals_its_run(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(without_declined_payment(description))

    # when
    plan = stories.previewed(source, **toggles)
    order_copy = stories.copied(source, **toggles)

    # then
    assert actual_result(order_copy) == planned_result(plan)
    target = order_copy.target_order
    if target is not None:
        assert stories.amounts(target) == plan.target_totals
        assert stories.lines(target, "total_amount_cents") == [
            line.after["total_amount_cents"] for line in plan.lines
        ]
    assert stories.amounts(source) == plan.source_totals


def without_declined_payment(description: strategies.Description) -> strategies.Description:
    """Replace a declined payment: a preview authorizes nothing, so it cannot find out."""
    if description.payment == "declined":
        return strategies.placeable(description)
    return description


def planned_result(plan: CopyPlan) -> dict[str, Any]:
    log = plans.errors_log(plan.problems)
    return {
        "completes": plan.will_complete,
        "has a target": plan.will_write,
        "target is placed": plan.will_place,
        "source is cancelled": plan.will_cancel,
        "errors_log": log,
        "errors_count": len(stories.all_messages(log)),
        "outcomes": [outcome.as_json() for outcome in plan.outcomes],
        "lines": len(plan.lines) if plan.will_write else 0,
    }


def actual_result(order_copy: OrderFactory) -> dict[str, Any]:
    target, source = order_copy.target_order, order_copy.source_order
    return {
        "completes": order_copy.status == Status.COMPLETED,
        "has a target": target is not None,
        "target is placed": target is not None and target.status == "placed",
        "source is cancelled": source.cancelled_at is not None and source.status == "cancelled",
        "errors_log": order_copy.errors_log,
        "errors_count": order_copy.errors_count,
        "outcomes": [entry | {"target_line_item": None} for entry in order_copy.outcomes],
        "lines": sum(entry["target_line_item"] is not None for entry in order_copy.outcomes),
    }


@given(strategies.any_order, strategies.toggles)
def test_preview__runs_only_select_statements(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)

    # when
    with CaptureQueriesContext(connection) as queries:
        stories.previewed(source, **toggles)

    # then
    assert all(query["sql"].lstrip("(").startswith("SELECT") for query in queries.captured_queries)
    assert not OrderFactory.objects.filter(source_order=source).exists()


def test_preview__leaves_the_database_unchanged() -> None:
    # given
    order = placed_order()
    before = stories.whole_database()

    # when
    stories.previewed(order, place_target_order=True, cancel_source_order=True)

    # then
    assert stories.whole_database() == before


@given(strategies.any_order, strategies.toggles)
def test_outcomes__one_for_every_line_of_the_source(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)

    # when
    order_copy = stories.copied(source, **toggles)

    # then
    entries = [one for one in order_copy.outcomes if one["attribute"] == "line_items"]
    source_line_items = [one["source_line_item"] for one in entries if one["action"] != "added"]
    assert source_line_items == [line.public_id for line in source.line_items.all()]
    if order_copy.target_order is not None:
        written = [one["target_line_item"] for one in entries if one["action"] != "skipped"]
        assert written == [line.public_id for line in order_copy.target_order.line_items.all()]
    assert all(one["code"] and one["message"] for one in entries if one["action"] != "copied")


@given(strategies.any_order, strategies.toggles)
def test_target__totals_are_those_of_its_lines(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)

    # when
    order_copy = stories.copied(source, **toggles)

    # then
    target = order_copy.target_order
    if target is not None:
        assert stories.amounts(target) == totals_of(
            target.line_items.all(), tax_included=target.tax_included
        )


@given(strategies.any_order, strategies.toggles)
def test_reservations__only_placed_orders_hold_stock_coupons_and_money(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)

    # when
    order_copy = stories.copied(source, **toggles)

    # then
    for order in filter(None, [source, order_copy.target_order]):
        holds = stories.every_byte(order)
        if stories.statuses(order)[0] in {"pending", "draft", "cancelled"}:
            assert not holds["orders_stockreservation"]
            assert not holds["orders_couponuse"]
            assert not order.authorizations.filter(status="authorized").exists()
    for stock_item in StockItem.objects.all():
        held = StockReservation.objects.filter(stock_item=stock_item)
        assert stock_item.reserved == sum(held.values_list("quantity", flat=True))
    for coupon in Coupon.objects.all():
        assert coupon.usage_count == coupon.coupon_uses.count()


@given(strategies.any_order, strategies.toggles)
def test_failed_copy__never_cancels_its_source(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)

    # when
    order_copy = stories.copied(source, **toggles)

    # then
    if order_copy.status != Status.COMPLETED:
        assert stories.statuses(source)[0] == source.status
        assert order_copy.errors_count > 0
    assert order_copy.errors_count == len(stories.all_messages(order_copy.errors_log))
    assert (order_copy.completed_at is None) == (order_copy.status != Status.COMPLETED)
    assert (order_copy.failed_at is None) == (order_copy.status != Status.FAILED)


@given(st.lists(st.tuples(strategies.any_order, strategies.toggles), min_size=2, max_size=4))
def test_batch__copies_end_as_they_do_alone(
    examples: Sequence[tuple[strategies.Description, dict[str, bool]]],
) -> None:
    # given
    sources = [strategies.build(description) for description, _ in examples]
    options = [toggles for _, toggles in examples]

    # when
    alone = []
    with transaction.atomic():
        for source, toggles in zip(sources, options, strict=True):
            alone.append(actual_result(stories.copied(source, **toggles)))
        transaction.set_rollback(True)
    together = [
        OrderCopy(source_order=source, **toggles)
        for source, toggles in zip(sources, options, strict=True)
    ]
    copying.request_copies(together, actor=stories.WHO)
    run_batch(worker="w1")

    # then
    assert [actual_result(stories.fresh(order_copy)) for order_copy in together] == alone


@given(strategies.any_order, strategies.toggles)
def test_preview__is_deterministic(
    description: strategies.Description, toggles: dict[str, bool]
) -> None:
    # given
    source = strategies.build(description)

    # when
    first, second = (stories.previewed(source, **toggles) for _ in range(2))

    # then
    assert planned_result(first) == planned_result(second)
    assert first.target_totals == second.target_totals
