"""JSON objects."""

import json
from typing import Any

from django.db.models import Q

from order_copies.jsonapi.fields.base import REQUIRED, Comparison, ValueField
from order_copies.jsonapi.storable import MAX_BYTES, InvalidValueError, check_storable

#: The maximum number of values in the object of a ``jcont`` filter, each of which is compared.
MAX_WANTED = 100


class ObjectField(ValueField):
    """A JSON object of limited size that every database can store."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.CONTAINMENT})
    json_schema = {"type": "object", "examples": [{"foo": "bar"}]}
    text = r"[ \t\n\r]*\{[\s\S]*\}[ \t\n\r]*"
    text_name = "a JSON object"

    def __init__(self, *, null: Any = REQUIRED, **kwargs: Any) -> None:
        super().__init__(null=null, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object. Raises :class:`InvalidValueError` if it cannot be stored."""
        if not isinstance(data, dict):
            raise InvalidValueError("invalid", "must be an object", reason="not_an_object")
        check_storable(data)
        if len(json.dumps(data)) > MAX_BYTES:
            raise InvalidValueError("too_long", f"is too large (maximum is {MAX_BYTES} bytes)")
        return data

    def convert(self, text: str) -> dict[str, Any]:
        """Return the object that others must contain. Raises :class:`InvalidValueError`."""
        try:
            wanted = self.to_internal_value(json.loads(text))
        except (ValueError, RecursionError):
            raise InvalidValueError("invalid", "must be a JSON object") from None
        if _size(wanted) > MAX_WANTED:
            raise InvalidValueError("too_long", f"holds too many values (maximum is {MAX_WANTED})")
        return wanted

    def is_blank(self, column: str) -> Q:
        """Return the condition that the object is null or empty."""
        return self.is_null(column) | Q(**{column: {}})


def _size(value: Any) -> int:
    # The number of values inside of a value, at all levels.
    members = value.values() if isinstance(value, dict) else value
    return sum(1 + _size(member) for member in members) if isinstance(value, dict | list) else 0
