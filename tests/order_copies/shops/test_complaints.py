"""Closed-world copying: mistakes in declarations, each with what to type."""

import pytest

from order_copies.shops import CopiedModel
from order_copies.shops.complaints import complaints_about_fields
from orders.copying.shop import ReferenceShop
from orders.models import CouponUse, LineItem, Order


def test_complaints__complete_declaration_has_none() -> None:
    assert list(ReferenceShop().complaints()) == []


def test_complaints__each_field_must_be_declared_once() -> None:
    copied = CopiedModel(
        CouponUse, copied=("coupon_id", "colour"), reset=("id", "coupon_id"), remapped=("order_id",)
    )

    assert [one.message for one in complaints_about_fields([copied])] == [
        "orders.CouponUse.customer_email is not declared.",
        "orders.CouponUse.colour is declared, but orders.CouponUse has no such field.",
        "orders.CouponUse.coupon_id is declared more than once.",
        "orders.CouponUse.coupon_id is reset, but has no default.",
    ]


@pytest.mark.parametrize("group", ["copied", "reset", "recomputed", "remapped"])
def test_copied_model__group_without_a_comma_is_refused(group: str) -> None:
    with pytest.raises(TypeError) as raised:
        CopiedModel(Order, **{group: "number"})  # type: ignore[arg-type]

    assert str(raised.value) == (
        f'Write {group}=("number",) with a comma: "number" alone is a string.'
    )


def test_complaints__link_to_a_copied_row_must_not_be_copied() -> None:
    # given
    declarations = [
        CopiedModel(Order, copied=tuple(field.attname for field in Order._meta.fields[1:])),
        CopiedModel(LineItem, copied=tuple(field.attname for field in LineItem._meta.fields[1:])),
    ]

    # when
    [complaint] = complaints_about_fields(declarations)

    # then
    assert complaint.message == (
        "orders.LineItem.order_id is declared as copied, but leads to orders.Order: "
        "the target would refer to rows of its source."
    )
    assert complaint.hint == (
        'Remove "order_id" from copied: it will lead to the copy of that row.'
    )
    assert complaint.model is LineItem


def test_complaints__first_values_of_a_hook_need_no_default() -> None:
    # given
    copied = CopiedModel(CouponUse, copied=("customer_email", "order_id"), reset=("coupon_id",))

    # when
    without_hook = [one.message for one in complaints_about_fields([copied])]
    with_hook = [one.message for one in complaints_about_fields([copied], fresh=CouponUse)]

    # then
    assert without_hook == ["orders.CouponUse.coupon_id is reset, but has no default."]
    assert with_hook == []
