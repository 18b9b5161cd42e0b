"""JSON objects."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from order_copies.jsonapi.storable import MAX_BYTES, InvalidValueError, check_storable
from order_copies.jsonapi.values.base import REQUIRED, Comparison, Value

#: How many values an object may hold that others are to contain: each is compared with each.
MAX_WANTED = 100


@dataclass(frozen=True)
class Object(Value):
    """A JSON object of the client's own."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.CONTAINMENT})
    kind = {"type": "object", "examples": [{"foo": "bar"}]}
    text = r"[ \t\n\r]*\{[\s\S]*\}[ \t\n\r]*"
    text_name = "a JSON object"

    null: Any = REQUIRED

    def convert(self, text: str) -> dict[str, Any]:
        """A JSON object that others can be compared with."""
        try:
            wanted = self.check(json.loads(text))
        except (ValueError, RecursionError):
            raise InvalidValueError("invalid", "must be a JSON object") from None
        if _size(wanted) > MAX_WANTED:
            raise InvalidValueError("too_long", f"holds too many values (maximum is {MAX_WANTED})")
        return wanted

    def is_blank(self, column: str) -> Q:
        """Null, or without a member."""
        return self.is_null(column) | Q(**{column: {}})

    def check(self, value: Any) -> dict[str, Any]:
        """An object that every database can store, and that is no attack on anybody."""
        if not isinstance(value, dict):
            raise InvalidValueError("invalid", "must be an object", reason="not_an_object")
        check_storable(value)
        if len(json.dumps(value)) > MAX_BYTES:
            raise InvalidValueError("too_long", f"is too large (maximum is {MAX_BYTES} bytes)")
        return value


def _size(value: Any) -> int:
    """How many values there are in a value, itself not counted."""
    members = value.values() if isinstance(value, dict) else value
    return sum(1 + _size(member) for member in members) if isinstance(value, dict | list) else 0
