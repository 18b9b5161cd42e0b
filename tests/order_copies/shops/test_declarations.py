"""Mistakes in what a shop declares about its models: the models of the reference shop."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.utils import timezone

from order_copies.shops import FrozenShop, LineFields
from orders.copying.shop import ReferenceShop
from orders.models import LineItem


class Declared(FrozenShop):
    copied_models = ReferenceShop.copied_models
    left_behind = ReferenceShop.left_behind
    line = LineFields(LineItem, name="name", quantity="quantity", total="total_amount_cents")
    currency = "currency_code"
    totals: Mapping[str, str] = {"total_amount_cents": "total_amount_cents"}
    placed: Mapping[str, Any] = {"status": "placed"}
    cancelled: Mapping[str, Any] = {"status": "cancelled"}


def test_shop__right_declarations_have_no_complaint() -> None:
    assert list(Declared().complaints()) == []


class WrongStatus(Declared):
    placed = {"status": "payed"}


class WrongTotals(Declared):
    totals = {"total": "total_amount_cents"}


@pytest.mark.parametrize(
    ("shop", "message", "hint"),
    [
        (
            WrongStatus,
            "WrongStatus.placed sets status to 'payed', which is not among its choices.",
            "The choices are: 'draft', 'pending',",
        ),
        (
            WrongTotals,
            "WrongTotals.totals has no total that follows from the lines.",
            (
                "Name one of subtotal_amount_cents, total_amount_cents, "
                "total_amount_with_taxes_cents, or override recompute()."
            ),
        ),
    ],
)
def test_shop__wrong_declarations_are_reported(
    shop: type[FrozenShop], message: str, hint: str
) -> None:
    # when
    [complaint] = shop().complaints()

    # then
    assert complaint.message == message
    assert complaint.hint.startswith(hint)


def test_shop__audits_nothing_by_default() -> None:
    shop = Declared()

    assert (list(shop.audit_copies([])), list(shop.audit_shop(timezone.now()))) == ([], [])
