"""Forks of Oscar's apps: their fields, numbers, strategies and methods are used."""

from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar.stock import change_allocations
from tests.oscar_shop.copies import copy, target
from tests.oscar_shop.forked.order.utils import calls
from tests.oscar_shop.shopping import (
    Benefit,
    Item,
    StockRecord,
    make_offer,
    make_product,
    make_voucher,
    place_order,
    stock_of,
)
from tests.oscar_shop.test_frozen_copies import contents

Order = get_model("order", "Order")


def test_fork__is_loaded() -> None:
    assert Order.__module__ == "tests.oscar_shop.forked.order.models"
    assert get_class("order.utils", "OrderCreator").__module__.startswith("tests.oscar_shop")


def test_fork__additional_fields_travel_as_declared(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    Order.objects.update(gift_message="For Ada", invoice_number="I-1")
    order.lines.update(wrapping="silk")

    # when
    copied = target(order)

    # then
    assert (copied.gift_message, copied.invoice_number) == ("For Ada", "")
    assert copied.lines.get().wrapping == "silk"
    assert copied.number == f"TEA-{copied.basket_id}"


def test_check__names_fields_that_the_fork_does_not_declare(settings, db) -> None:
    # given
    settings.ORDER_COPIES = {
        **settings.ORDER_COPIES,
        "SHOP": "order_copies.contrib.oscar.shop.OscarShop",
    }

    # when
    with pytest.raises(SystemCheckError) as error:
        call_command("check")

    # then
    for name in ("Order.gift_message", "Order.invoice_number", "Line.wrapping"):
        assert f"order.{name} is not declared." in str(error.value)


def test_check__accepts_the_fork(db) -> None:
    call_command("check", fail_level="WARNING")


def test_check__names_statuses_that_the_pipeline_lacks(monkeypatch, db) -> None:
    # given
    monkeypatch.setattr(Order, "pipeline", {"Pending": ()})

    # when
    with pytest.raises(SystemCheckError) as error:
        call_command("check")

    # then
    assert "OSCAR_ORDER_STATUS_PIPELINE has no status 'Draft'." in str(error.value)
    assert "OSCAR_ORDER_STATUS_PIPELINE has no status 'Cancelled'." in str(error.value)


def test_fork__its_methods_place_and_cancel(ann, teapot) -> None:
    # given
    voucher = make_voucher()
    order = place_order(ann, Item(teapot, 2, "Ada"), Item(teapot, 1, "Bob"), vouchers=[voucher])
    calls.clear()

    # when
    placed = target(order, place_target_order=True)
    target(order, cancel_source_order=True)

    # then
    assert calls == [("voucher", voucher.code), ("allocate", "Teapot"), ("allocate", "Teapot")]
    order.refresh_from_db()
    assert (order.status, placed.status) == ("Cancelled", "Pending")
    assert order.notes.get().message == "Cancelled by the fork"
    assert [line.num_allocated for line in order.lines.all()] == [0, 0]
    assert stock_of(teapot) == (10, 3)


def test_fork__swap_takes_over_the_last_piece(ann) -> None:
    # given
    last = make_product("Last teapot", stock=1)
    order = place_order(ann, Item(last))

    # when
    target(order, place_target_order=True, cancel_source_order=True)

    # then
    assert stock_of(last) == (1, 1)


def test_fork__its_availability_counts(ann) -> None:
    # given
    rare, old, cup = (make_product(title) for title in ("Rare pot", "Old pot", "Cup"))
    StockRecord.objects.update(num_in_stock=100)
    order = place_order(ann, Item(cup))
    for product, quantity in ((rare, 5), (old, 1)):
        line = order.lines.first()
        line.pk, line.stockrecord = None, product.stockrecords.get()
        line.title, line.quantity = product.title, quantity
        line.save()

    # when
    done = copy(order, skip_errors=True)

    # then
    assert done.errors_log["line_items"] == [
        "only 3 of 5 Rare pot left",
        "this product is discontinued",
    ]


def test_fork__recalculated_prices_have_its_tax(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 3))
    make_offer("15")
    StockRecord.objects.update(price=Decimal("9.99"))

    # when
    copied = target(order, apply_promotions=True)

    # then
    today = place_order(ann, Item(teapot, 3))
    assert contents(copied) == contents(today)
    assert copied.total_incl_tax > copied.total_excl_tax


def test_fork__its_handler_refuses(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    Order.objects.update(gift_message="Keep")

    # when
    refused = copy(order, cancel_source_order=True)

    # then
    assert refused.errors_log == {"source_order": ["this order must be kept"]}


def test_fork__whose_handler_gives_no_stock_back(teapot) -> None:
    # given
    order = place_order(None, Item(teapot, 2), guest_email="guest@shop.example")

    # when
    target(order, cancel_source_order=True)

    # then
    assert stock_of(teapot) == (10, 0)


def test_fork__its_stock_records_allocate(teapot) -> None:
    # given
    record = StockRecord.objects.get()

    # when
    change_allocations({record.pk: record}, {record.pk: 2}, "allocate")

    # then
    assert stock_of(teapot) == (10, 2)


def test_fork__tax_that_is_known_at_the_checkout_cannot_be_recalculated(ann) -> None:
    # given
    pot = make_product("Pot")
    order = place_order(ann, Item(pot))
    pot.title = "Imported pot"
    pot.save()

    # when
    failed = copy(order, apply_promotions=True)

    # then
    assert failed.errors_log == {
        "line_items": ["the tax of Imported pot is known only at the checkout"]
    }


def shipping_voucher(percentage="50"):
    """Return a single-use voucher for a part of the shipping charge."""
    voucher = make_voucher("Single use")
    Benefit.objects.update(type=Benefit.SHIPPING_PERCENTAGE, range=None, value=Decimal(percentage))
    return voucher


def test_fork__invalid_voucher_for_shipping_is_left_out(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot), vouchers=[shipping_voucher()])

    # when
    copied = target(order, ignore_invalid_coupon=True)

    # then
    assert (order.shipping_incl_tax, copied.shipping_incl_tax) == (Decimal("2.40"), Decimal("4.80"))
    assert copied.shipping_excl_tax == Decimal("4.00")
    assert copied.total_incl_tax == order.total_incl_tax + Decimal("2.40")
    assert not copied.discounts.exists()


def test_fork__recalculated_shipping_has_its_discounts(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    offer = make_offer()
    Benefit.objects.update(type=Benefit.SHIPPING_PERCENTAGE, range=None, value=Decimal(50))

    # when
    copied = target(order, apply_promotions=True)

    # then
    discount = copied.discounts.get()
    assert (discount.offer_id, discount.category) == (offer.pk, "Shipping")
    assert copied.shipping_incl_tax == Decimal("2.40")
    assert contents(copied) == contents(place_order(ann, Item(teapot)))


def test_fork__recalculated_free_shipping_has_no_discount(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    Order.objects.update(shipping_code="free-shipping")
    make_offer()
    Benefit.objects.update(type=Benefit.SHIPPING_PERCENTAGE, range=None, value=Decimal(50))

    # when
    copied = target(Order.objects.get(pk=order.pk), apply_promotions=True)

    # then
    assert not copied.discounts.exists()
    assert copied.shipping_incl_tax == 0


def test_fork__benefits_after_placing_are_noted(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot))
    make_offer()
    Benefit.objects.update(
        type="", range=None, value=None, proxy_class="tests.oscar_shop.forked.benefits.Points"
    )

    # when
    copied = target(order, apply_promotions=True)

    # then
    discount = copied.discounts.get()
    assert (discount.category, discount.amount) == ("Deferred", 0)


def test_fork__voucher_with_taxes_is_left_out(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 3), vouchers=[make_voucher("Single use")])

    # when
    copied = target(order, ignore_invalid_coupon=True)

    # then
    line = copied.lines.get()
    assert (line.line_price_excl_tax, line.line_price_incl_tax) == (Decimal(30), Decimal(36))
