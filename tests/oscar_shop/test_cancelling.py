"""Cancelling goes through Oscar's status pipeline; a swap takes over stock and vouchers."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar.cancelling import cancel
from order_copies.exceptions import UnsupportedToggleError
from tests.oscar_shop.copies import copies, copy, requested, run_batch, target
from tests.oscar_shop.shopping import (
    Item,
    make_offer,
    make_product,
    make_user,
    make_voucher,
    place_order,
    stock_of,
)

Order = get_model("order", "Order")
order_status_changed = get_class("order.signals", "order_status_changed")


@pytest.fixture
def changed():
    """What the signal ``order_status_changed`` said."""
    found = []

    def receive(sender, order, old_status, new_status, **_kwargs):
        found.append((order.number, old_status, new_status))

    order_status_changed.connect(receive)
    yield found
    order_status_changed.disconnect(receive)


def test_cancel__gives_the_stock_back_and_records_the_change(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 2), Item(make_product("Book", stock=None)))

    # when
    target(order, cancel_source_order=True)

    # then
    order.refresh_from_db()
    change = order.status_changes.get()
    lines = order.lines.all()
    assert order.status == "Cancelled"
    assert (change.old_status, change.new_status) == ("Pending", "Cancelled")
    assert [line.status for line in lines] == ["Cancelled", "Cancelled"]
    assert [(line.num_allocated, line.allocation_cancelled) for line in lines] == [
        (0, True),
        (1, False),
    ]
    assert stock_of(teapot) == (10, 0)


@pytest.mark.django_db(transaction=True)
def test_cancel__is_announced_after_the_commit(changed) -> None:
    # given
    order = place_order(make_user(), Item(make_product()))

    # when
    target(order, cancel_source_order=True)

    # then
    assert changed == [(order.number, "Pending", "Cancelled")]


@pytest.mark.django_db(transaction=True)
def test_cancel__receiver_that_fails_is_logged(changed, caplog) -> None:
    # given
    order = place_order(make_user(), Item(make_product()))

    def fail(sender, order, **_kwargs):
        raise ValueError(order.number)

    # when
    order_status_changed.connect(fail)
    target(order, cancel_source_order=True)
    order_status_changed.disconnect(fail)

    # then
    assert len(changed) == 1
    assert f"A receiver of order_status_changed failed for order {order.number}" in caplog.text


def test_cancel__pipeline_refuses_in_oscars_words(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    order.set_status("Complete")

    # when
    refused = copy(order, cancel_source_order=True)

    # then
    reason = f"'Cancelled' is not a valid status for order {order.number}"
    assert refused.errors_log == {"source_order": [f"{reason} (current status: 'Complete')"]}
    assert stock_of(teapot) == (10, 1)


def test_cancel__second_time_is_refused(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))

    # when
    first, second = copies(order, order, cancel_source_order=True)

    # then
    assert (first.status, second.status) == ("completed", "failed")
    assert second.errors_log == {"source_order": ["cannot transition from cancelled to cancelled"]}


def test_cancel__needs_the_same_queries_for_one_copy_and_for_many(ann, teapot) -> None:
    # given
    orders = [place_order(ann, Item(teapot)) for _ in range(4)]

    # when
    counts = []
    for some in (orders[:1], orders[1:]):
        requested(*some, cancel_source_order=True)
        with CaptureQueriesContext(connection) as queries:
            run_batch("worker")
        counts.append(len(queries))

    # then
    assert counts[0] == counts[1]


def test_swap__takes_over_the_last_piece(ann) -> None:
    # given
    last = make_product("Last teapot", stock=1)
    order = place_order(ann, Item(last))

    # when
    placed = target(order, place_target_order=True, cancel_source_order=True)

    # then
    order.refresh_from_db()
    assert (order.status, placed.status) == ("Cancelled", "Pending")
    assert placed.lines.get().num_allocated == 1
    assert stock_of(last) == (1, 1)


def test_swap__takes_over_a_single_use_voucher(ann, teapot) -> None:
    # given
    offer, voucher = make_offer("10"), make_voucher("Single use")
    order = place_order(ann, Item(teapot), vouchers=[voucher])

    used = (voucher, voucher.offers.get(), offer)
    before = [counts(it) for it in used]

    # when
    placed = target(order, place_target_order=True, cancel_source_order=True)

    # then
    assert voucher.applications.get().order == placed
    assert [counts(it) for it in used] == before
    assert placed.total_incl_tax == order.total_incl_tax


def test_swap__that_is_refused_changes_nothing(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 2))
    order.set_status("Complete")

    # when
    refused = copy(order, place_target_order=True, cancel_source_order=True)

    # then
    order.refresh_from_db()
    assert refused.status == "failed"
    assert (order.status, stock_of(teapot)) == ("Complete", (10, 2))
    assert not Order.objects.filter(status="Pending").exists()


def test_swap__pieces_that_were_sent_are_not_given_back(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 3))
    order.lines.get().consume_allocation(1)

    # when
    target(order, cancel_source_order=True)

    # then
    assert stock_of(teapot) == (9, 0)
    assert Decimal(order.lines.get().num_allocated) == 0


def test_cancel__status_is_checked_again(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    order.set_status("Complete")

    # when
    (reason,) = cancel([order], "Cancelled")

    # then
    assert "'Cancelled' is not a valid status" in reason


def test_cancel__without_a_cascade_lines_keep_their_status(ann, teapot, monkeypatch) -> None:
    # given
    order = place_order(ann, Item(teapot))
    monkeypatch.setattr(Order, "cascade", {})

    # when
    target(order, cancel_source_order=True)

    # then
    assert order.lines.get().status == "Pending"


def test_cancel__is_refused_where_the_pipeline_has_no_such_status(ann, teapot, monkeypatch) -> None:
    # given
    order = place_order(ann, Item(teapot))
    monkeypatch.setattr(Order, "pipeline", {"Pending": ("Complete",)})

    # when
    with pytest.raises(UnsupportedToggleError, match="this shop cannot cancel orders"):
        copy(order, cancel_source_order=True)


def counts(instance):
    """Return how often a voucher or an offer was used, and the discount that it gave."""
    instance.refresh_from_db()
    return instance.num_orders, instance.total_discount
