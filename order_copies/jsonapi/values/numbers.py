"""True, false, and numbers."""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q

from order_copies.jsonapi.storable import InvalidValueError
from order_copies.jsonapi.values.base import Comparison, Value


@dataclass(frozen=True)
class Boolean(Value):
    """True or false."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.TRUTH})
    kind = {"type": "boolean", "examples": [True]}
    text = "true|false"
    text_name = "true or false"

    def convert(self, text: str) -> bool:
        """True or false."""
        return text == "true"

    def check(self, value: Any) -> bool:
        """A JSON boolean, and nothing that resembles one."""
        if not isinstance(value, bool):
            raise InvalidValueError("inclusion", "must be true or false")
        return value


class Integer(Value):
    """A whole number."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.ORDER})
    kind = {"type": "integer"}
    text = "-?[0-9]{1,18}"
    text_name = "an integer of at most 18 digits"

    def convert(self, text: str) -> int:
        """A number that every database can hold."""
        return int(text)


class Float(Value):
    """A number, stored as a decimal."""

    comparisons = Integer.comparisons
    kind = {"type": "number"}
    text = r"-?[0-9]{1,18}(\.[0-9]{1,9})?"
    text_name = "a number such as 0.22"

    def write(self, value: Any) -> Any:
        """A JSON number."""
        return None if value is None else float(value)

    def convert(self, text: str) -> float:
        """A finite number."""
        return float(text)

    def compare(self, lookup: str, column: str, value: Any) -> Q:
        """Compare as floats: a decimal column refuses numbers with more digits than it has."""
        number = models.Value(value, output_field=models.FloatField())
        return super().compare(lookup, column, number)
