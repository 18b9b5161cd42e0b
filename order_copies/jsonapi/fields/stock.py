"""What filters and the OpenAPI document need to know of the fields of Django REST framework."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from rest_framework import fields as drf

from order_copies.jsonapi.fields.base import REQUIRED, AnyField, Comparison, ValueField
from order_copies.jsonapi.fields.instants import DATE, InstantField
from order_copies.jsonapi.fields.numbers import BooleanField, FloatField, IntegerField
from order_copies.jsonapi.fields.objects import ObjectField
from order_copies.jsonapi.fields.texts import StringField


class _DateField(ValueField):
    comparisons = IntegerField.comparisons
    json_schema = {"type": "string", "format": "date"}
    text = DATE
    text_name = "a date such as 2018-01-01"

    def convert(self, text: str) -> date:
        return date.fromisoformat(text)


class _DecimalField(FloatField):
    # With COERCE_DECIMAL_TO_STRING=False it is a number.
    json_schema = {"type": ["string", "number"]}


class _UUIDField(ValueField):
    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY})
    json_schema = {"type": "string", "format": "uuid"}
    text = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    text_name = "a UUID"

    def convert(self, text: str) -> UUID:
        return UUID(text)


class _StockInstantField(InstantField):
    # DATETIME_FORMAT decides what it looks like.
    json_schema = {"type": "string"}


class _StockChoiceField(StringField):
    # The keys of choices may be numbers.
    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY})
    json_schema = {}


#: The counterparts, the most specific first. A field of any other class cannot be filtered by.
_COUNTERPARTS: list[tuple[type[AnyField], Callable[..., ValueField]]] = [
    (drf.BooleanField, BooleanField),
    (drf.IntegerField, IntegerField),
    (drf.FloatField, FloatField),
    (drf.DecimalField, _DecimalField),
    (drf.DateTimeField, _StockInstantField),
    (drf.DateField, _DateField),
    (drf.UUIDField, _UUIDField),
    (drf.ChoiceField, _StockChoiceField),
    (drf.DictField, ObjectField),
    (drf.CharField, StringField),
]


def counterpart(field: Any) -> ValueField:
    """Return the field of the dialect with the values of ``field``, for its schema and filters.

    A field of the dialect is its own counterpart.
    """
    if isinstance(field, ValueField):
        return field
    found = next((ours for stock, ours in _COUNTERPARTS if isinstance(field, stock)), ValueField)
    options = {"null": None if field.allow_null or field.read_only else REQUIRED}
    if found is StringField:
        options["max_length"] = getattr(field, "max_length", None)
    return found(**options)
