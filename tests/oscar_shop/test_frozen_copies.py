"""A frozen copy of an Oscar order has its lines, prices, addresses and discounts."""

from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_model

from order_copies.exceptions import UnsupportedToggleError
from order_copies.shops import get_shop
from tests.oscar_shop.copies import copies, copy, planned, requested, run_batch, target, values
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

#: Foreign keys that lead to rows of the order itself.
LINKS = ("order_id", "line_id", "order_discount_id")


def contents(order):
    """Return all that a copy copies, without keys."""
    lines = order.lines.all()
    own = ("basket_id", "number", "date_placed", "status", "shipping_address_id")
    return {
        "order": values(order, *own, "billing_address_id"),
        "shipping_address": values(order.shipping_address),
        "billing_address": values(order.billing_address),
        "lines": [values(line, *LINKS, "num_allocated") for line in lines],
        "attributes": [[values(row, *LINKS) for row in line.attributes.all()] for line in lines],
        "prices": [[values(row, *LINKS) for row in line.prices.all()] for line in lines],
        "surcharges": [values(row, *LINKS) for row in order.surcharges.all()],
        "discounts": [values(row, *LINKS) for row in order.discounts.all()],
        "line_discounts": [[values(row, *LINKS) for row in line.discounts.all()] for line in lines],
    }


@pytest.fixture
def order(ann, teapot):
    """An order with all that Oscar can write."""
    make_offer("10")
    return place_order(
        ann,
        Item(teapot, 2, "Ada"),
        Item(make_product("Cup"), 3),
        vouchers=[make_voucher()],
        has_surcharge=True,
    )


def test_check__finds_nothing(db) -> None:
    call_command("check", fail_level="WARNING")


def test_frozen_copy__has_all_that_the_source_has(order) -> None:
    # when
    copied = target(order)

    # then
    assert contents(copied) == contents(order)
    assert contents(order)["line_discounts"] != [[], []]
    assert copied.shipping_address_id != order.shipping_address_id
    assert copied.billing_address_id != order.billing_address_id
    lines = set(copied.lines.values_list("pk", flat=True))
    assert {row.line_id for row in copied.line_prices.all()} == lines
    assert {
        row.line_id for it in copied.discounts.all() for row in it.discount_lines.all()
    } == lines


def test_frozen_copy__is_a_draft_that_holds_no_stock(order, teapot) -> None:
    # given
    before = stock_of(teapot)

    # when
    copied = target(order)

    # then
    assert copied.status == "Draft"
    assert [line.num_allocated for line in copied.lines.all()] == [0, 0]
    assert stock_of(teapot) == before
    assert not copied.voucherapplication_set.exists()


def test_frozen_copy__leaves_history_and_payment_behind(order) -> None:
    # given
    order.notes.create(message="Call the customer")

    # when
    copied = target(order)

    # then
    assert not copied.notes.exists()
    assert not copied.payment_events.exists()
    assert not copied.sources.exists()
    assert order.sources.exists()


def test_frozen_copy__of_a_guest_keeps_the_email(teapot) -> None:
    # given
    order = place_order(None, Item(teapot), guest_email="guest@shop.example")

    # when
    copied = target(order)

    # then
    assert (copied.user, copied.guest_email) == (None, "guest@shop.example")


def test_frozen_copy__two_lines_of_one_product_keep_their_options(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 2, "Ada"), Item(teapot, 1, "Bob"))

    # when
    copied = target(order, place_target_order=True)

    # then
    lines = copied.lines.all()
    assert [(line.quantity, line.attributes.get().value) for line in lines] == [
        (2, "Ada"),
        (1, "Bob"),
    ]
    assert stock_of(teapot) == (10, 6)


def test_number__is_unique_and_follows_oscars_generator(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))

    # when
    done = copies(order, order, order)
    later = place_order(ann, Item(teapot))

    # then
    targets = [it.target_order for it in done]
    assert all(it.number == str(100_000 + it.basket_id) for it in targets)
    assert len({order.number, later.number, *(it.number for it in targets)}) == 5
    assert {it.basket.status for it in targets} == {"Submitted"}


def test_queries__are_the_same_for_one_copy_and_for_many(ann, teapot) -> None:
    """The number of queries does not depend on copies and lines."""
    # given
    cups = [make_product(f"Cup {number}") for number in range(4)]
    small = place_order(ann, Item(teapot, 1, "Ada"))
    large = [
        place_order(make_user(f"user{number}"), *[Item(cup, 2, "Ada") for cup in cups])
        for number in range(3)
    ]

    # when
    counts = []
    for orders in ([small], large):
        requested(*orders)
        with CaptureQueriesContext(connection) as queries:
            run_batch("worker")
        counts.append(len(queries))

    # then
    assert counts[0] == counts[1]


def test_line_of_a_deleted_product__is_an_error_or_skipped(ann, teapot) -> None:
    # given
    cup = make_product("Cup", price="3.00")
    order = place_order(ann, Item(teapot, 2), Item(cup, 1))
    cup.delete()

    # when
    failed = copy(order)
    copied = target_of(copy(order, skip_errors=True))

    # then
    assert failed.status == "failed"
    assert failed.errors_log == {"line_items": ["Cup does not exist any more"]}
    assert [line.title for line in copied.lines.all()] == ["Teapot"]
    assert copied.total_incl_tax == order.total_incl_tax - Decimal("3.00")
    assert copied.line_prices.count() == 1


def test_unpublished_product__is_refused_in_oscars_words(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    teapot.is_public = False
    teapot.save()

    # when
    failed = copy(order)

    # then
    assert failed.errors_log["line_items"][0] == "'Teapot' is no longer available"


def test_stock__too_little_reduces_the_line_its_prices_and_discounts(ann, teapot) -> None:
    # given
    make_offer("10")
    order = place_order(ann, Item(teapot, 6), has_surcharge=True)

    # when
    done = copy(order, skip_errors=True)

    # then
    copied = target_of(done)
    line = copied.lines.get()
    assert done.errors_log == {"line_items": ["only 4 of 6 Teapot left"]}
    assert (line.quantity, line.line_price_incl_tax) == (4, Decimal("36.00"))
    assert line.line_price_before_discounts_incl_tax == Decimal("40.00")
    assert [(it.quantity, it.price_incl_tax) for it in line.prices.all()] == [(4, Decimal("9.00"))]
    assert line.discounts.get().amount == copied.discounts.get().amount == Decimal("4.00")
    assert copied.total_incl_tax == order.total_incl_tax - Decimal("18.00")


def test_discount__of_skipped_lines_is_left_out(ann, teapot) -> None:
    # given
    cup = make_product("Cup", price="3.00")
    make_offer("10", max_basket_applications=1)
    order = place_order(ann, Item(teapot, 2), Item(cup, 1))
    other = order.discounts.create(offer_name="Older offer", amount=Decimal("1.00"), frequency=1)
    order.lines.first().discounts.all().delete()
    cup.is_public = False
    cup.save()

    # when
    done = copy(order, skip_errors=True)

    # then
    assert [(it["attribute"], it["action"]) for it in done.outcomes] == [
        ("line_items", "copied"),
        ("line_items", "skipped"),
        ("discounts", "skipped"),
    ]
    assert [it.offer_name for it in target_of(done).discounts.all()] == [other.offer_name]


def test_reduced_line__prices_of_its_pieces_have_its_sum(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 7))
    line = order.lines.get()
    price = line.prices.get()
    price.pk, price.price_incl_tax = None, Decimal("6.00")
    price.save()
    line.line_price_incl_tax, line.line_price_excl_tax = Decimal("50.00"), Decimal("49.99")
    line.save()

    # when
    copied = target_of(copy(order, skip_errors=True)).lines.get()

    # then
    prices = copied.prices.all()
    assert (copied.quantity, copied.line_price_incl_tax) == (3, Decimal("21.43"))
    assert [(it.quantity, it.price_incl_tax) for it in prices] == [
        (1, Decimal("7.15")),
        (2, Decimal("7.14")),
    ]
    assert sum(it.quantity * it.price_excl_tax for it in prices) == copied.line_price_excl_tax


def test_find_order__takes_numbers_before_ids(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    shop = get_shop()

    # then
    assert shop.find_order(f"#{order.number}") == shop.find_order(order.number) == order.pk
    assert shop.find_order(str(order.pk)) == order.pk
    assert shop.find_order("1\0") is None


def target_of(order_copy):
    """Return the new order of a copy."""
    return Order.objects.get(pk=order_copy.target_order_id)


def test_line_items__are_refused(order) -> None:
    line_items = [{"id": str(order.lines.first().pk)}]

    with pytest.raises(UnsupportedToggleError, match="can only copy all lines"):
        planned(order, line_items=line_items)
