"""Amounts in columns of cents, decimals and floats, in currencies of 0, 2 and 3 decimals."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import models

from order_copies.shops import LineFields
from order_copies.shops.amounts import column_value, exact, minor_units, rounded
from tests.wine_shop.conftest import copied, copy_of, make_order, run
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import Line, Order

CENTS = models.IntegerField()
UNITS = models.DecimalField(max_digits=12, decimal_places=2)
FINE = models.DecimalField(max_digits=12, decimal_places=4)
FLOAT = models.FloatField()


@pytest.mark.parametrize(
    ("field", "value", "currency", "expected"),
    [
        (CENTS, 1234, "JPY", 1234),
        (CENTS, 1234, "KWD", 1234),
        (UNITS, Decimal("12.34"), "EUR", 1234),
        (UNITS, Decimal("12.34"), "KWD", 12340),
        (UNITS, Decimal(1234), "JPY", 1234),
        (FINE, Decimal("0.0333"), "EUR", Fraction("3.33")),
        (FLOAT, 0.1, "EUR", 10),
        (UNITS, None, "EUR", 0),
    ],
)
def test_minor_units__depend_on_column_and_currency(
    field: Any, value: Any, currency: str, expected: Any
) -> None:
    assert minor_units(field, value, currency) == expected


@pytest.mark.parametrize(
    ("field", "amount", "currency", "expected"),
    [
        (CENTS, Fraction("12.5"), "EUR", "13"),
        (CENTS, Fraction("-12.5"), "EUR", "-13"),
        (UNITS, Fraction("1233.5"), "EUR", "12.34"),
        (UNITS, Fraction("1233.5"), "JPY", "1234.00"),
        (UNITS, Fraction(12345), "KWD", "12.35"),
        (FINE, Fraction("1233.5"), "EUR", "12.3400"),
        (FINE, Fraction(12345), "KWD", "12.3450"),
        (FLOAT, Fraction("9.5"), "EUR", "0.1"),
    ],
)
def test_column_value__is_rounded_to_what_the_currency_has(
    field: Any, amount: Fraction, currency: str, expected: str
) -> None:
    assert str(column_value(field, amount, currency)) == expected


def test_exact__float_is_the_number_that_it_prints() -> None:
    assert (exact(0.1), exact(3), exact(Decimal("0.1"))) == (Fraction("0.1"), 3, Fraction("0.1"))
    assert (rounded(Fraction("0.4")), rounded(Fraction("-0.6"))) == (0, -1)


@pytest.mark.parametrize(
    ("currency", "price", "before", "after"),
    [("JPY", "250", 1250, 750), ("KWD", "1.125", 5625, 3375), ("eur", "1.10", 550, 330)],
)
def test_copy__amounts_have_the_decimals_of_the_currency(
    cellar: None, currency: str, price: str, before: int, after: int
) -> None:
    # given
    order = make_order("W1", ("white", 5, price), currency=currency.upper())
    Order.objects.update(currency=currency)
    order_copy = copy_of(order, skip_errors=True)

    # when
    run(order_copy)

    # then
    [outcome] = order_copy.outcomes
    assert outcome["before"]["total_amount_cents"] == before
    assert outcome["after"]["total_amount_cents"] == after
    target = order_copy.target_order
    assert (target.currency, target.subtotal_cents) == (currency, after)
    assert target.total == Decimal(price) * 3


class TotalsOnly(WineShop):
    """A shop whose lines have a total, and nothing for one piece."""

    line = LineFields(Line, name="name", quantity="quantity", total="price", product="wine_id")

    def recompute(self, order: Any, before: Any, after: Any) -> dict[str, Any]:
        return {"total": sum(one.price for one in after)}


@pytest.mark.parametrize(
    ("currency", "price", "expected"),
    [("EUR", "0.02", "0.01"), ("JPY", "76.8", "46"), ("KWD", "0.019", "0.011")],
)
def test_reduced_line__total_shrinks_in_proportion(
    cellar: None, use: Callable[..., None], currency: str, price: str, expected: str
) -> None:
    # given
    use(TotalsOnly)
    order = make_order("W1", ("white", 5, price), currency=currency)
    order_copy = copy_of(order, skip_errors=True)

    # when
    run(order_copy)

    # then
    assert order_copy.target_order.lines.get().price == Decimal(expected)
    assert list(order_copy.outcomes[0]["before"]) == ["quantity", "total_amount_cents"]


class OneCurrency(WineShop):
    currency = "KWD"
    totals = {"total_amount_cents": "cost"}


def test_totals__may_be_computed_by_the_database(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(OneCurrency)
    order = make_order("W1", ("rose", 1, "2.5"), ("red", 1, "1.5"))
    order_copy = copy_of(order, skip_errors=True)

    # when
    run(order_copy)

    # then
    assert order_copy.status == "completed"
    assert copied(make_order("W3", ("red", 1, "1"))).cost == Decimal(0)
