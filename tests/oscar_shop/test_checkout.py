"""The shop of these tests is an Oscar shop: its own checkout does what Oscar says."""

from decimal import Decimal

from tests.oscar_shop.shopping import Item, make_voucher, place_order, stock_of


def test_checkout__writes_what_oscar_writes(ann, teapot) -> None:
    # given
    voucher = make_voucher()

    # when
    order = place_order(
        ann,
        Item(teapot, 2, "Ada"),
        Item(teapot, 1, "Bob"),
        vouchers=[voucher],
        has_surcharge=True,
    )

    # then
    assert order.number == str(100_000 + order.basket_id)
    assert (order.status, order.user) == ("Pending", ann)
    assert [line.quantity for line in order.lines.all()] == [2, 1]
    assert [line.attributes.get().value for line in order.lines.all()] == ["Ada", "Bob"]
    assert order.total_incl_tax == Decimal("24.00") + Decimal("6.00") + Decimal("2.50")
    assert order.discounts.get().amount == Decimal("6.00")
    assert stock_of(teapot) == (10, 3)
    assert voucher.applications.get().order == order
