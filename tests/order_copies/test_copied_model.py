"""Closed-world copying: problems of a declaration."""

from order_copies.shops import CopiedModel
from orders.copying.fields import COPIED_MODELS
from orders.models import CouponUse


def test_copied_model__complete_declaration_has_no_problems() -> None:
    assert [list(copied.complaints()) for copied in COPIED_MODELS] == [[], [], [], []]


def test_copied_model__each_field_must_be_declared_once() -> None:
    copied = CopiedModel(
        CouponUse, copied=("coupon_id", "colour"), reset=("id", "coupon_id"), remapped=("order_id",)
    )

    assert list(copied.complaints()) == [
        "orders.CouponUse.customer_email is not declared.",
        "orders.CouponUse.colour is declared, but orders.CouponUse has no such field.",
        "orders.CouponUse.coupon_id is declared more than once.",
    ]
