"""Booleans and numbers."""

from decimal import Decimal
from math import isfinite
from typing import Any

from django.db import models
from django.db.models import Q

from order_copies.jsonapi.fields.base import Comparison, ValueField
from order_copies.jsonapi.storable import InvalidValueError


class BooleanField(ValueField):
    """True or false."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.TRUTH})
    json_schema = {"type": "boolean", "examples": [True]}
    text = "true|false"
    text_name = "true or false"

    def to_internal_value(self, data: Any) -> bool:
        """Return a JSON boolean. Unlike DRF's field, refuse strings and numbers."""
        if not isinstance(data, bool):
            raise InvalidValueError("inclusion", "must be true or false")
        return data

    def convert(self, text: str) -> bool:
        """Return the boolean of its name."""
        return text == "true"


class IntegerField(ValueField):
    """A whole number."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.ORDER})
    json_schema = {"type": "integer"}
    text = "-?[0-9]{1,18}"
    text_name = "an integer of at most 18 digits"

    def to_internal_value(self, data: Any) -> int:
        """Return a JSON integer of 64 bits. Unlike DRF's field, refuse strings and floats."""
        if not isinstance(data, int) or isinstance(data, bool) or not -(2**63) <= data < 2**63:
            raise InvalidValueError("not_an_integer", "must be an integer")
        return data

    def convert(self, text: str) -> int:
        """Return a number that fits into 64 bits."""
        return int(text)


class FloatField(ValueField):
    """A number that the database stores as a decimal."""

    comparisons = IntegerField.comparisons
    json_schema = {"type": "number"}
    text = r"-?[0-9]{1,18}(\.[0-9]{1,9})?"
    text_name = "a number such as 0.22"

    def to_internal_value(self, data: Any) -> Decimal:
        """Return a JSON number. Unlike DRF's field, refuse strings."""
        if not isinstance(data, int | float) or isinstance(data, bool) or not isfinite(data):
            raise InvalidValueError("not_a_number", "must be a number")
        return Decimal(str(data))

    def to_representation(self, value: Any) -> float:
        """Return a JSON number."""
        return float(value)

    def convert(self, text: str) -> float:
        """Return a finite number."""
        return float(text)

    def compare(self, lookup: str, column: str, value: Any) -> Q:
        """Compare as floats: a decimal column refuses numbers with more digits than it has."""
        number = models.Value(value, output_field=models.FloatField())
        return super().compare(lookup, column, number)
