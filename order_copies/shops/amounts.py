"""Convert the amounts of a shop's columns to minor units of the currency, and back.

A column of integers holds minor units (cents), a column of decimals or floats holds units.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import models

from order_copies.currencies import decimal_places
from order_copies.shops.graph import AnyField


def minor_units(field: AnyField, value: Any, currency: str) -> Fraction:
    """Return the exact amount of a column's value in minor units; 0 for None."""
    if value is None:
        return Fraction(0)
    if isinstance(field, models.IntegerField):
        return Fraction(value)
    return exact(value) * Fraction(10 ** decimal_places(currency))


def exact(number: Any) -> Fraction:
    """Return a number as a fraction. A float means the decimal number that it prints."""
    return Fraction(str(number)) if isinstance(number, float) else Fraction(number)


def column_value(field: AnyField, amount: Fraction, currency: str) -> Any:
    """Return the value with which a column stores an amount in minor units, rounded to one."""
    if isinstance(field, models.IntegerField):
        return rounded(amount)
    places = decimal_places(currency)
    if isinstance(field, models.DecimalField):
        stored = min(places, field.decimal_places)
        value = Decimal(rounded(amount / 10 ** (places - stored))).scaleb(-stored)
        return value.quantize(Decimal(1).scaleb(-field.decimal_places))
    return rounded(amount) / 10**places


def rounded(amount: Fraction) -> int:
    """Round to the nearest integer, halves away from zero."""
    # In integers, because the arithmetic of fractions reduces each result.
    dividend, divisor = amount.numerator, amount.denominator
    magnitude = (2 * abs(dividend) + divisor) // (2 * divisor)
    return -magnitude if dividend < 0 else magnitude
