"""Placing a copy allocates stock, and uses vouchers and offers, by Oscar's code and signals."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar.placing import place
from order_copies.shops import Placement
from tests.oscar_shop.copies import copies, copy, planned, requested, run_batch, target
from tests.oscar_shop.shopping import (
    Item,
    make_offer,
    make_product,
    make_user,
    make_voucher,
    place_order,
    stock_of,
)

ConditionalOffer = get_model("offer", "ConditionalOffer")
Order = get_model("order", "Order")
Product = get_model("catalogue", "Product")
StockAlert = get_model("partner", "StockAlert")
StockRecord = get_model("partner", "StockRecord")
UserRecord = get_model("analytics", "UserRecord")
order_placed = get_class("order.signals", "order_placed")
order_status_changed = get_class("order.signals", "order_status_changed")


@pytest.fixture
def announced():
    """The orders of the signal ``order_placed``, with the user and the number of lines."""
    found = []

    def receive(sender, order, user, **_kwargs):
        found.append((order.number, order.status, str(user), order.num_lines))

    order_placed.connect(receive)
    yield found
    order_placed.disconnect(receive)


def test_placing__allocates_stock(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 2, "Ada"), Item(teapot, 1, "Bob"))

    # when
    placed = target(order, place_target_order=True)

    # then
    assert placed.status == "Pending"
    assert [line.num_allocated for line in placed.lines.all()] == [2, 1]
    assert stock_of(teapot) == (10, 6)
    assert timezone.now() - placed.date_placed < timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_placing__is_announced_after_the_commit(announced, settings) -> None:
    # given
    order = place_order(make_user(), Item(make_product()))
    announced.clear()

    # when
    placed = target(order, place_target_order=True)

    # then
    assert announced == [(placed.number, "Pending", "ann", 1)]
    assert UserRecord.objects.get().num_orders == 2


@pytest.mark.django_db(transaction=True)
def test_placing__receiver_that_fails_keeps_no_other_from_being_called(announced, caplog) -> None:
    # given
    order = place_order(make_user(), Item(make_product()))
    announced.clear()

    def fail(sender, order, user, **_kwargs):
        raise ValueError(order.number)

    # when
    order_placed.connect(fail)
    placed = target(order, place_target_order=True)
    order_placed.disconnect(fail)

    # then
    assert [number for number, *_rest in announced] == [placed.number]
    assert f"A receiver of order_placed failed for order {placed.number}" in caplog.text


def test_placing__raises_a_low_stock_alert_as_oscar_does(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 3))
    StockRecord.objects.update(low_stock_threshold=6)

    # when
    target(order, place_target_order=True)

    # then
    assert StockAlert.objects.get().stockrecord.product == teapot


def test_placing__untracked_stock_is_not_allocated(ann) -> None:
    # given
    order = place_order(ann, Item(make_product("Book", stock=None), 3))

    # when
    placed = target(order, place_target_order=True)

    # then
    assert placed.lines.get().num_allocated == 3
    assert StockRecord.objects.get().num_allocated is None


def test_placing__takes_no_more_than_is_in_stock(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 4))

    # when
    first, second = copies(order, order, place_target_order=True)

    # then
    assert first.status == "completed"
    assert (second.status, second.errors_log) == (
        "failed",
        {"line_items": ["only 2 of 4 Teapot left"]},
    )
    assert stock_of(teapot) == (10, 8)


def test_placing__records_the_uses_of_vouchers_and_offers(ann, teapot) -> None:
    # given
    offer, voucher = make_offer("10"), make_voucher()
    order = place_order(ann, Item(teapot, 2), vouchers=[voucher])

    # when
    first, second = copies(order, order, place_target_order=True)

    # then
    assert (first.status, second.status) == ("completed", "completed")
    voucher.refresh_from_db()
    assert voucher.applications.count() == voucher.num_orders == 3
    assert {it.user for it in voucher.applications.all()} == {ann}
    discounts = order.discounts.filter(voucher_id=voucher.pk)
    assert voucher.total_discount == 3 * sum(it.amount for it in discounts)
    for used in (offer, voucher.offers.get()):
        used.refresh_from_db()
        given = order.discounts.filter(offer_id=used.pk)
        assert used.num_orders == 3 * given.count()
        assert used.total_discount == 3 * sum(it.amount for it in given)
        assert used.num_applications == 3 * sum(it.frequency for it in given)


def test_placing__without_discounts_reads_no_vouchers(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    requested(order, place_target_order=True)

    # when
    with CaptureQueriesContext(connection) as queries:
        run_batch("worker")

    # then
    assert not [query for query in queries if 'FROM "voucher_voucher"' in query["sql"]]


def test_placing__needs_the_same_queries_for_one_copy_and_for_many(ann, teapot) -> None:
    """The statements do not depend on the number of copies, of lines, and of pieces.

    One SELECT for each stock record is Oscar's: the receiver of its signal looks for alerts.
    """
    # given
    small = place_order(ann, Item(teapot, 1))
    large = [place_order(ann, Item(teapot, 1, "Ada"), Item(teapot, 1, "Bob")) for _ in range(2)]

    # when
    counts = []
    for orders in ([small], large):
        requested(*orders, place_target_order=True)
        with CaptureQueriesContext(connection) as queries:
            run_batch("worker")
        counts.append([query["sql"].split("(")[0] for query in queries])

    # then
    attributes = [sql for sql in counts[1] if sql.startswith('INSERT INTO "order_lineattribute"')]
    assert len(counts[0]) + len(attributes) == len(counts[1])


@pytest.mark.parametrize("usage", ["Single use", "Once per customer"])
def test_voucher__that_is_used_up_fails_the_copy(ann, teapot, usage) -> None:
    # given
    order = place_order(ann, Item(teapot), vouchers=[make_voucher(usage)])

    # when
    failed = copy(order, place_target_order=True)

    # then
    reason = {
        "Single use": "This voucher has already been used",
        "Once per customer": "You have already used this voucher in a previous order",
    }[usage]
    assert (failed.status, failed.errors_log) == ("failed", {"coupon_code": [reason]})
    assert failed.target_order is None


def test_voucher__that_has_expired_or_is_gone_fails_the_copy(ann, teapot) -> None:
    # given
    voucher = make_voucher()
    order = place_order(ann, Item(teapot), vouchers=[voucher])
    voucher.end_datetime = timezone.now() - timedelta(hours=1)
    voucher.save()

    # when
    expired = planned(order).problems
    voucher.delete()
    gone = planned(order).problems

    # then
    assert [it.message for it in expired] == [f"The '{voucher.code}' voucher has expired"]
    assert [it.message for it in gone] == [f"No voucher found with code '{voucher.code}'"]


def test_voucher__invalid_one_is_left_out_with_its_discounts(ann, teapot) -> None:
    # given
    make_offer("10")
    order = place_order(
        ann,
        Item(teapot, 2),
        Item(make_product("Cup", price="3.00")),
        vouchers=[make_voucher("Single use", percentage="20")],
    )

    # when
    placed = target(order, place_target_order=True, ignore_invalid_coupon=True)

    # then
    lines = placed.lines.all()
    assert not placed.discounts.filter(voucher_code__gt="").exists()
    given = sum((it.amount for it in order.discounts.filter(voucher_code__gt="")), Decimal(0))
    assert given
    assert placed.total_incl_tax == order.total_incl_tax + given
    assert sum(line.line_price_incl_tax for line in lines) == placed.basket_total_incl_tax
    for line in lines:
        prices = sum(price.quantity * price.price_incl_tax for price in line.prices.all())
        assert prices == line.line_price_incl_tax


def test_voucher__left_out_of_a_reduced_line_keeps_other_offers(ann, teapot) -> None:
    # given
    offer, voucher = make_offer("10"), make_voucher("Single use", percentage="10")
    ConditionalOffer.objects.update(exclusive=False)
    offer.combinations.add(voucher.offers.get())
    items = [Item(teapot, 6), Item(make_product("Cup", price="3.33"))]
    order = place_order(ann, *items, vouchers=[voucher])

    # when
    done = copy(order, skip_errors=True, ignore_invalid_coupon=True)

    # then
    teapots, cup = done.target_order.lines.all()
    assert [it["action"] for it in done.outcomes] == ["reduced", "repriced", "skipped"]
    assert teapots.quantity == 4
    for line in (teapots, cup):
        prices = line.prices.all()
        assert sum(it.quantity for it in prices) == line.quantity
        assert sum(it.quantity * it.price_incl_tax for it in prices) == line.line_price_incl_tax
    assert done.target_order.discounts.get().offer_id == offer.pk


def test_voucher__whose_discount_is_in_no_line_cannot_be_left_out(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot), vouchers=[make_voucher("Single use")])
    order.lines.get().discounts.all().delete()

    # when
    failed = copy(order, ignore_invalid_coupon=True)

    # then
    assert failed.errors_log == {
        "coupon_code": ["the voucher gave a discount that Oscar did not record for each line"]
    }


def test_placing__checks_vouchers_again(ann, teapot) -> None:
    # given
    voucher = make_voucher("Single use")
    order = place_order(ann, Item(teapot), vouchers=[voucher])
    placement = Placement(order, None, None)

    # when
    used = place([placement])
    order = Order.objects.get()
    voucher.delete()
    gone = place([Placement(order, None, None)])

    # then
    assert used == ["This voucher has already been used"]
    assert gone == [f"No voucher found with code '{voucher.code}'"]


def test_placing__checks_the_stock_again(ann, teapot) -> None:
    # given
    def reason():
        return place([Placement(Order.objects.get(), None, None)])

    place_order(ann, Item(teapot, 6))

    # when
    too_many = reason()
    Product.objects.update(is_public=False)
    unpublished = reason()
    teapot.delete()
    gone = reason()

    # then
    assert too_many == ["Teapot: a maximum of 4 can be bought"]
    assert unpublished == gone == ["'Teapot' is no longer available"]
