"""``apply_promotions``: prices, offers and vouchers of today, through Oscar's own code."""

from decimal import Decimal

import pytest
from django.db import connection
from oscar.core.loading import get_model

from tests.oscar_shop.copies import copy, planned, target
from tests.oscar_shop.shopping import (
    Item,
    StockRecord,
    make_offer,
    make_product,
    make_voucher,
    place_order,
)
from tests.oscar_shop.test_frozen_copies import contents

Basket = get_model("basket", "Basket")


def test_recalculated__equals_an_order_that_is_placed_today(ann, teapot) -> None:
    # given
    cup = make_product("Cup", price="3.00")
    items = [Item(teapot, 2, "Ada"), Item(cup, 3), Item(teapot, 1, "Bob")]
    voucher = make_voucher()
    order = place_order(ann, *items, vouchers=[voucher])
    make_offer("10", priority=5)
    StockRecord.objects.filter(product=teapot).update(price=Decimal("12.49"))

    # when
    copied = target(order, apply_promotions=True)

    # then
    today = place_order(ann, *items, vouchers=[voucher])
    assert contents(copied) == contents(today)
    assert copied.total_incl_tax != order.total_incl_tax


def test_recalculated__plan_writes_nothing(ann, teapot) -> None:
    # given
    make_offer("10")
    order = place_order(ann, Item(teapot, 2), vouchers=[make_voucher()])
    statements = []

    def read_only(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    # when
    with connection.execute_wrapper(read_only):
        plan = planned(order, apply_promotions=True)

    # then
    assert plan.will_complete
    assert {sql.split()[0] for sql in statements} <= {"SELECT", "SAVEPOINT", "RELEASE", "SET"}
    assert Basket.objects.count() == 1


def test_recalculated__reports_lines_and_discounts(ann, teapot) -> None:
    # given
    old = make_offer("10")
    order = place_order(ann, Item(teapot, 1))
    old.suspend()
    new = make_offer("30")

    # when
    done = copy(order, apply_promotions=True)

    # then
    assert [(it["attribute"], it["name"], it["action"]) for it in done.outcomes] == [
        ("line_items", "Teapot", "repriced"),
        ("discounts", old.name, "skipped"),
        ("discounts", new.name, "added"),
    ]
    assert done.outcomes[2]["after"] == {"amount_cents": 300}


def test_recalculated__reduced_line_has_the_discount_of_its_pieces(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 6))
    offer = make_offer("10")

    # when
    done = copy(order, apply_promotions=True, skip_errors=True)

    # then
    line = done.target_order.lines.get()
    assert (line.quantity, line.line_price_incl_tax) == (4, Decimal("36.00"))
    assert done.target_order.discounts.get().offer_id == offer.pk


def test_recalculated__invalid_voucher_is_left_out(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot), vouchers=[make_voucher("Single use")])

    # when
    failed = copy(order, apply_promotions=True)
    copied = target(order, apply_promotions=True, ignore_invalid_coupon=True)

    # then
    assert failed.errors_log == {"coupon_code": ["This voucher has already been used"]}
    assert copied.lines.get().line_price_incl_tax == Decimal("10.00")
    assert not copied.discounts.exists()


def test_recalculated__keeps_the_charge_of_a_shipping_method_that_is_not_offered(
    ann, teapot
) -> None:
    # given
    order = place_order(ann, Item(teapot))

    # when
    copied = target(order, apply_promotions=True)

    # then
    assert order.shipping_code == "parcel"
    assert copied.shipping_incl_tax == Decimal("6.00")
    assert copied.total_incl_tax == Decimal("16.00")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": None}, "Teapot has no price"),
        ({"price_currency": "USD"}, "the price of Teapot is in another currency"),
    ],
)
def test_recalculated__product_without_a_price_is_refused(ann, teapot, changes, message) -> None:
    # given
    order = place_order(ann, Item(teapot))
    StockRecord.objects.update(**changes)

    # when
    failed = copy(order, apply_promotions=True)

    # then
    assert failed.errors_log == {"line_items": [message]}


def test_recalculated__skipped_line_is_left_out(ann, teapot) -> None:
    # given
    cup = make_product("Cup")
    order = place_order(ann, Item(teapot), Item(cup))
    cup.delete()

    # when
    done = copy(order, apply_promotions=True, skip_errors=True)

    # then
    assert [line.title for line in done.target_order.lines.all()] == ["Teapot"]
    assert done.target_order.total_incl_tax == Decimal("16.00")


def test_recalculated__nothing_left_is_an_error(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    teapot.delete()

    # when
    failed = copy(order, apply_promotions=True, skip_errors=True)

    # then
    assert "nothing of this order is available any more" in failed.errors_log["line_items"]
