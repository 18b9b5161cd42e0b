"""True, false, and numbers."""

import math
import re
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q

from order_copies.jsonapi.storable import MAX_INTEGER, InvalidValueError
from order_copies.jsonapi.values.base import Comparison, Value

_INTEGER = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True)
class Boolean(Value):
    """True or false."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.TRUTH})
    kind = {"type": "boolean", "examples": [True]}
    text = "true|false"

    def parse(self, text: str) -> bool:
        """True or false."""
        if text not in {"true", "false"}:
            raise InvalidValueError("inclusion", "must be true or false")
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

    def parse(self, text: str) -> int:
        """A number that every database can hold."""
        if not _INTEGER.fullmatch(text) or not -MAX_INTEGER <= int(text) < MAX_INTEGER:
            raise InvalidValueError("not_an_integer", "must be an integer")
        return int(text)


class Float(Value):
    """A number, stored as a decimal."""

    comparisons = Integer.comparisons
    kind = {"type": "number"}
    text = r"-?[0-9]{1,18}(\.[0-9]{1,9})?"

    def write(self, value: Any) -> Any:
        """A JSON number."""
        return None if value is None else float(value)

    def parse(self, text: str) -> float:
        """A finite number."""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidValueError("not_a_number", "is not a number")
        return number

    def compare(self, lookup: str, column: str, value: Any) -> Q:
        """Compare as floats: a decimal column refuses numbers with more digits than it has."""
        number = models.Value(value, output_field=models.FloatField())
        return super().compare(lookup, column, number)
