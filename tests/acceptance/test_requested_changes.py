"""Story: a copy takes some lines, other quantities, another article, customer or address."""

from typing import Any

import pytest

from order_copies import copying
from order_copies.exceptions import ChangesRefusedError, SourceOrderGoneError
from order_copies.models import OrderFactory, Status
from order_copies.worker.run import run_batch
from orders.models import LineItem, Order, StockReservation
from tests import stories
from tests.audits import audited
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    CustomerPaymentSourceFactory,
    LineItemFactory,
    MarketFactory,
    PriceFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
    placed_order,
    settle,
    tax_of,
    totals_of,
)

pytestmark = pytest.mark.django_db


def copied(source: Order, **options: Any) -> OrderFactory:
    """Request a copy with changes and run it; return it as it is in the database."""
    [order_copy] = copying.request([source], actor=stories.WHO, **options)
    run_batch(worker="w1")
    assert audited() == []
    return stories.fresh(order_copy)


def taking(*lines: LineItem, **changes: Any) -> list[dict[str, Any]]:
    """Return the request for these lines, each with the same changes."""
    return [{"id": line.public_id} | changes for line in lines]


def goods_of(order: Order) -> list[LineItem]:
    return list(order.line_items.filter(item_type__in=["skus", "gift_cards"]).order_by("pk"))


# Lines and quantities


def test_line_items__those_not_named_are_left_out_without_a_problem() -> None:
    # given
    source = pending_order(
        lines=[{"unit_amount_cents": 3000}, {"unit_amount_cents": 1000}],
        options=0,
        promotions=[PromotionFactory(percentage=10)],
    )
    _first, second = goods_of(source)
    before = stories.every_byte(source)

    # when
    order_copy = copied(source, line_items=taking(second))

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.actions(order_copy) == [
        ("skipped", "requested"),
        ("copied", None),
        ("copied", None),
        ("copied", None),
        ("repriced", "promotion_scaled"),
    ]
    assert stories.lines(target) == [
        ("skus", 1, 1000),
        ("shipments", 1, 700),
        ("payment_methods", 1, 150),
        ("percentage_discount_promotions", 1, -100),
    ]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert stories.every_byte(source) == before


def test_line_items__quantity_changes_totals_tax_and_options_at_the_same_price() -> None:
    # given
    wrap = {"quantity": 2, "unit_amount_cents": 300}
    engraving = {"quantity": 1, "unit_amount_cents": 500}
    line = {"quantity": 2, "unit_amount_cents": 1000, "options": [wrap, engraving]}
    source = pending_order(lines=[line], market=MarketFactory(tax_included=False))
    (only,) = goods_of(source)

    # when
    order_copy = copied(source, line_items=taking(only, quantity=5))

    # then
    target = stories.target_of(order_copy)
    (changed,) = goods_of(target)
    assert stories.actions(order_copy)[0] == ("changed", "requested")
    assert order_copy.outcomes[0]["message"] == "5 instead of 2, as requested"
    assert (changed.quantity, changed.unit_amount_cents) == (5, 1000)
    assert changed.total_amount_cents == 5 * 1000 + 5 * 300 + 500
    assert changed.tax_amount_cents == tax_of(changed.total_amount_cents, "0.22", included=False)
    options = changed.line_item_options.order_by("pk").values_list("quantity", "total_amount_cents")
    assert list(options) == [(5, 1500), (1, 500)]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=False)


def test_line_items__naming_every_line_is_the_plain_copy() -> None:
    # given
    source = pending_order(lines=3, promotions=[PromotionFactory()])
    everything = taking(*goods_of(source))

    # when
    [plain] = copying.preview([source])
    [named] = copying.preview([source], line_items=everything)

    # then
    assert named.digest == plain.digest


def test_line_items__fixed_discount_does_not_grow_with_the_quantity() -> None:
    # given
    promotions = [PromotionFactory(percentage=10), PromotionFactory(fixed_amount=True)]
    line = {"unit_amount_cents": 1000, "options": 0}
    source = pending_order(lines=[line], promotions=promotions, shipping=False, payment_fee=False)

    # when
    order_copy = copied(source, line_items=taking(*goods_of(source), quantity=3))

    # then
    assert stories.lines(stories.target_of(order_copy)) == [
        ("skus", 3, 3000),
        ("percentage_discount_promotions", 1, -300),
        ("fixed_amount_promotions", 1, -500),
    ]


def test_line_items__negative_adjustment_shrinks_with_the_goods() -> None:
    # given
    lines = [{"unit_amount_cents": 12000}, {"unit_amount_cents": 4000}]
    source = pending_order(lines=lines, options=0, shipping=False, payment_fee=False)
    for amount in (-4000, 500):
        LineItemFactory(order=source, item_type="adjustments", sku=None, unit_amount_cents=amount)
    settle(source)
    _first, second = goods_of(source)

    # when
    order_copy = copied(source, line_items=taking(second))

    # then
    target = stories.target_of(order_copy)
    assert stories.actions(order_copy)[2:] == [("repriced", "adjustment_scaled"), ("copied", None)]
    assert stories.lines(target) == [
        ("skus", 1, 4000),
        ("adjustments", 1, -1000),
        ("adjustments", 1, 500),
    ]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)


@pytest.mark.parametrize(
    ("cents", "status", "left"), [(900, Status.FAILED, None), (-900, Status.COMPLETED, 0)]
)
def test_line_items__amount_without_line_that_is_to_be_paid_is_not_left_out(
    cents: int, status: Status, left: int | None
) -> None:
    # given
    source = pending_order(lines=2, shipping=False)
    source.adjustment_amount_cents += cents
    source.total_amount_cents += cents
    source.total_amount_with_taxes_cents += cents
    source.save()

    # when
    order_copy = copied(source, line_items=taking(goods_of(source)[0]), skip_errors=True)

    # then
    assert stories.ending(order_copy) == (status, {"adjustment_amount": 1}, 1)
    target = order_copy.target_order
    assert (target and target.adjustment_amount_cents) == left


def test_line_items__stock_is_checked_for_the_requested_quantity() -> None:
    # given
    source = pending_order(lines=[{"sku": SkuFactory(stock=3), "unit_amount_cents": 500}, {}])
    scarce, _other = goods_of(source)
    wanted = taking(scarce, quantity=5)

    # when
    failed = copied(source, line_items=wanted)
    reduced = copied(source, line_items=wanted, skip_errors=True)

    # then
    assert stories.ending(failed) == (Status.FAILED, {"line_items": 1}, 1)
    assert stories.actions(reduced)[:2] == [("reduced", "stock_too_low"), ("skipped", "requested")]
    assert reduced.outcomes[0]["after"]["quantity"] == 3
    (line,) = goods_of(stories.target_of(reduced))
    assert (line.quantity, line.total_amount_cents) == (3, 3 * 500 + 3 * 300)


def test_line_items__swap_reserves_what_the_target_takes() -> None:
    # given
    sku = SkuFactory(stock=2)
    source = placed_order(lines=[{"sku": sku, "quantity": 2}, {}])
    first, _second = goods_of(source)

    # when
    order_copy = copied(
        source,
        line_items=taking(first, quantity=1),
        place_target_order=True,
        cancel_source_order=True,
    )

    # then
    target = stories.target_of(order_copy)
    assert order_copy.status == Status.COMPLETED
    assert target.status == Order.Status.PLACED
    held = StockReservation.objects.values_list("line_item__order", "quantity")
    assert list(held) == [(target.pk, 1)]


@pytest.mark.parametrize(
    "line", [{"unit_amount_cents": 10**15}, {"options": [{"quantity": 10**6}]}]
)
def test_line_items__quantity_that_no_column_can_hold_is_a_problem(line: dict[str, Any]) -> None:
    # given
    sku = SkuFactory(do_not_track=True)
    source = pending_order(lines=[line | {"sku": sku}])

    # when
    order_copy = copied(source, line_items=taking(*goods_of(source), quantity=10**6))

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"line_items": 1}, 1)


def test_line_items__line_deleted_since_the_request_is_a_problem() -> None:
    # given
    source = pending_order(lines=2)
    first, second = goods_of(source)
    [order_copy] = copying.request([source], actor=stories.WHO, line_items=taking(first, second))
    first.delete()

    # when
    run_batch(worker="w1")

    # then
    assert stories.ending(stories.fresh(order_copy)) == (Status.FAILED, {"line_items": 1}, 1)


def test_line_items__only_a_line_of_the_order_can_be_named() -> None:
    # given
    source, other = pending_order(), pending_order()
    shipping = source.line_items.get(item_type="shipments")
    of_another = goods_of(other)[0]

    # when
    with pytest.raises(ChangesRefusedError) as refused:
        copying.request(
            [source], actor=stories.WHO, line_items=[*taking(of_another, shipping), {"id": "x"}]
        )

    # then
    assert [one.path for one in refused.value.refusals] == [
        ("line_items", "0", "id"),
        ("line_items", "1", "id"),
        ("line_items", "2", "id"),
    ]
    assert not OrderFactory.objects.exists()


def test_line_items__line_without_pieces_and_gift_card_are_taken_as_they_are() -> None:
    # given
    source = pending_order(lines=[{"quantity": 0}, {}])
    card = LineItemFactory(order=source, item_type="gift_cards", sku=None)
    empty, *_others = goods_of(source)
    line_items = [*taking(empty, quantity=2), *taking(card, sku_code=SkuFactory().code)]

    # when
    with pytest.raises(ChangesRefusedError) as refused:
        copying.preview([source], line_items=line_items)

    # then
    assert [one.path for one in refused.value.refusals] == [
        ("line_items", "0", "quantity"),
        ("line_items", "1", "sku_code"),
    ]


def test_changes__of_a_deleted_order() -> None:
    # given
    source = pending_order()
    line_items = taking(*goods_of(source))
    key = source.pk
    source.delete()

    # when / then
    with pytest.raises(SourceOrderGoneError):
        copying.preview([key], line_items=line_items)


def test_line_items__changes_are_for_one_order() -> None:
    # given
    source = pending_order()

    # when / then
    with pytest.raises(ValueError, match="one order"):
        copying.preview([source, pending_order()], line_items=taking(*goods_of(source)))


def test_retry__keeps_the_changes() -> None:
    # given
    sku = SkuFactory(stock=0)
    source = pending_order(lines=[{"sku": sku}, {}])
    first, _second = goods_of(source)
    order_copy = copied(source, line_items=taking(first))
    sku.stock_item.quantity = 5
    sku.stock_item.save()

    # when
    copying.retry([order_copy], actor=stories.WHO)
    run_batch(worker="w1")

    # then
    order_copy = stories.fresh(order_copy)
    assert order_copy.status == Status.COMPLETED
    assert len(goods_of(stories.target_of(order_copy))) == 1


# Another article


def test_sku_code__replaces_an_article_that_is_gone_at_its_current_price() -> None:
    # given
    gone, new = SkuFactory(), SkuFactory(price=1500)
    line = {"sku": gone, "quantity": 2, "unit_amount_cents": 1000, "frequency": "monthly"}
    source = pending_order(lines=[line, {}], shipping=False, payment_fee=False)
    first, second = goods_of(source)
    gone.delete()

    # when
    order_copy = copied(
        source, line_items=[*taking(first, sku_code=new.code), *taking(second, quantity=1)]
    )

    # then
    target = stories.target_of(order_copy)
    replaced, _other = goods_of(target)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.actions(order_copy)[0] == ("changed", "requested")
    assert (replaced.sku, replaced.sku_code, replaced.name) == (new, new.code, new.name)
    assert (replaced.quantity, replaced.unit_amount_cents) == (2, 1500)
    assert (replaced.total_amount_cents, replaced.options_amount_cents) == (3000, 0)
    assert replaced.tax_amount_cents == tax_of(3000, "0.22", included=True)
    assert replaced.frequency == "monthly"
    assert not replaced.line_item_options.exists()
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)


@pytest.mark.parametrize(
    ("sku", "word"),
    [({"on_sale": False}, "on sale"), ({"price": False}, "price in EUR"), (None, "no SKU")],
)
def test_sku_code__must_be_sellable(sku: dict[str, Any] | None, word: str) -> None:
    # given
    code = "NOTHING" if sku is None else SkuFactory(**sku).code
    PriceFactory(currency_code="USD")
    source = pending_order()

    # when
    with pytest.raises(ChangesRefusedError, match=word) as refused:
        copying.preview([source], line_items=taking(goods_of(source)[0], sku_code=code))

    # then
    assert [one.path for one in refused.value.refusals] == [("line_items", "0", "sku_code")]


def test_sku_code__stock_and_price_are_those_of_the_run() -> None:
    # given
    scarce, priced = SkuFactory(price=900, stock=1), SkuFactory(price=800)
    source = pending_order(lines=[{"quantity": 2}, {}])
    first, second = goods_of(source)
    line_items = [*taking(first, sku_code=scarce.code), *taking(second, sku_code=priced.code)]
    [order_copy] = copying.request(
        [source], actor=stories.WHO, line_items=line_items, skip_errors=True
    )
    priced.prices.all().delete()

    # when
    run_batch(worker="w1")

    # then
    order_copy = stories.fresh(order_copy)
    (line,) = goods_of(stories.target_of(order_copy))
    assert stories.actions(order_copy)[:2] == [
        ("reduced", "stock_too_low"),
        ("skipped", "no_price"),
    ]
    assert (line.sku, line.quantity, line.total_amount_cents) == (scarce, 1, 900)
    assert audited() == []


# Another customer and other addresses

HOME = {"line_1": "Unter den Linden 1", "city": "Berlin", "country_code": "DE"}


def test_addresses__requested_ones_replace_those_of_the_source() -> None:
    # given
    source = placed_order()
    billing = source.addresses.get(role="billing")

    # when
    order_copy = copied(source, shipping_address=HOME | {"zip_code": "10117", "phone": None})

    # then
    target = stories.target_of(order_copy)
    shipped = target.addresses.get(role="shipping")
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.actions(order_copy, "shipping_address") == [("changed", "requested")]
    assert (shipped.line_1, shipped.zip_code, shipped.first_name) == (HOME["line_1"], "10117", "")
    assert target.addresses.get(role="billing").line_1 == billing.line_1
    assert target.customer == source.customer


def test_addresses__shipping_country_of_the_order_is_kept() -> None:
    # given
    source = pending_order(shipping_country_code_lock="IT")

    # when
    with pytest.raises(ChangesRefusedError, match="must be IT") as refused:
        copying.preview([source], shipping_address=HOME, billing_address=HOME)

    # then
    assert [one.path for one in refused.value.refusals] == [("shipping_address", "country_code")]
    assert copying.preview([source], shipping_address=HOME | {"country_code": "IT"})


def test_addresses__added_to_an_order_without_any() -> None:
    # given
    source = pending_order(addresses=False)

    # when
    order_copy = copied(source, billing_address=HOME)

    # then
    assert stories.actions(order_copy, "billing_address") == [("added", "requested")]
    assert stories.target_of(order_copy).addresses.get().role == "billing"


def test_addresses__other_attributes_have_another_digest() -> None:
    # given
    source = placed_order()

    # when
    plans = [
        copying.preview([source], billing_address=HOME | {"zip_code": code})[0]
        for code in ("10117", "10118")
    ]

    # then
    assert plans[0].digest != plans[1].digest


def test_customer__target_has_neither_card_nor_addresses_of_the_source_customer() -> None:
    # given
    source = placed_order()
    customer = CustomerFactory(email="Bea@example.com")

    # when
    order_copy = copied(source, customer_email="Bea@example.com", place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert (target.customer, target.customer_email) == (customer, "Bea@example.com")
    assert (target.payment_source, target.addresses.count()) == (None, 0)
    assert stories.actions(order_copy, "customer_email") == [("changed", "requested")]
    assert stories.actions(order_copy, "shipping_address") == [("skipped", "address_not_copied")]
    assert stories.actions(order_copy, "payment_source") == [("skipped", "not_in_wallet")]
    # Placing needs addresses and a payment source of the new customer.
    assert set(order_copy.errors_log) == {
        "status",
        "billing_address",
        "shipping_address",
        "payment_source",
    }
    assert target.status == Order.Status.PENDING


def test_customer__pays_with_a_source_that_is_saved_in_its_own_wallet() -> None:
    # given
    source = placed_order()
    customer = CustomerFactory()
    CustomerPaymentSourceFactory(customer=customer, payment_source=source.payment_source)

    # when
    order_copy = copied(
        source,
        customer_email=customer.email.upper(),
        shipping_address=HOME,
        billing_address=HOME,
        place_target_order=True,
        cancel_source_order=True,
    )

    # then
    target = stories.target_of(order_copy)
    assert (order_copy.errors_log, order_copy.status) == ({}, Status.COMPLETED)
    assert (target.status, target.customer) == (Order.Status.PLACED, customer)


@pytest.mark.parametrize("used_by_new_customer", [False, True])
def test_customer__coupon_counts_the_uses_of_the_new_customer(used_by_new_customer: bool) -> None:
    # given
    coupon, customer = CouponFactory(customer_single_use=True), CustomerFactory()
    source = placed_order(coupon=coupon)
    if used_by_new_customer:
        placed_order(coupon=coupon, customer=customer)

    # when
    [plan] = copying.preview([source], customer_email=customer.email)

    # then
    codes = [problem.code for problem in plan.problems]
    assert codes == (["coupon_used_by_customer"] if used_by_new_customer else [])


def test_customer__that_of_the_source_is_no_change() -> None:
    # given
    source = placed_order()

    # when
    [plain] = copying.preview([source])
    [same] = copying.preview([source], customer_email=source.customer_email)

    # then
    assert same.digest == plain.digest


def test_customer__deleted_since_the_request_is_a_problem() -> None:
    # given
    customer = CustomerFactory()
    [order_copy] = copying.request(
        [placed_order()], actor=stories.WHO, customer_email=customer.email, skip_errors=True
    )
    customer.delete()

    # when
    run_batch(worker="w1")

    # then
    order_copy = stories.fresh(order_copy)
    assert stories.ending(order_copy) == (Status.FAILED, {"customer_email": 1}, 1)
    assert order_copy.target_order is None


def test_changes__that_the_shop_cannot_store_are_refused() -> None:
    # given
    source = placed_order()
    address = HOME | {"zip_code": "1" * 21, "email": "nobody"}

    # when
    with pytest.raises(ChangesRefusedError) as refused:
        copying.preview([source], customer_email="no@example.com", billing_address=address)

    # then
    assert [(one.path, one.key) for one in refused.value.refusals] == [
        (("customer_email",), "invalid"),
        (("billing_address", "zip_code"), "too_long"),
        (("billing_address", "email"), "invalid"),
    ]
