"""Amounts of columns in minor units, in currencies of two, no and three decimal places."""

from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import models

from order_copies.shops.amounts import column_value, minor_units

PRICE = models.DecimalField(max_digits=9, decimal_places=3)


@pytest.mark.parametrize(
    ("currency", "amount", "column"),
    [
        ("EUR", 750, Decimal("7.500")),
        ("JPY", 750, Decimal("750.000")),
        ("KWD", 7501, Decimal("7.501")),
    ],
)
def test_amounts__have_the_minor_unit_of_the_currency(
    currency: str, amount: int, column: Decimal
) -> None:
    assert minor_units(PRICE, column, currency) == amount
    assert column_value(PRICE, Fraction(amount), currency) == column
