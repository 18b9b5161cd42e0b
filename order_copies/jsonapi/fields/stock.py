"""Schemas and filters of the fields of Django REST framework.

A field of a shop's serializer is filtered by what its column holds, and described by its class.
"""

from datetime import date
from typing import Any
from uuid import UUID

from django.db import models
from rest_framework import fields as drf
from rest_framework.serializers import ModelSerializer

from order_copies.jsonapi.fields.base import REQUIRED, Comparison, ParsedField, ValueField
from order_copies.jsonapi.fields.values import (
    DATE,
    BooleanField,
    FloatField,
    InstantField,
    IntegerField,
    ObjectField,
    StringField,
    URLField,
)
from order_copies.jsonapi.json_schema import JSONSchema


class DateField(ParsedField):
    """A day."""

    comparisons = IntegerField.comparisons
    json_schema = {"type": "string", "format": "date"}
    text = DATE
    text_name = "a date such as 2018-01-01"

    def to_representation(self, value: date) -> str:
        """Return the day as text."""
        return value.isoformat()

    def convert(self, text: str) -> date:
        """Return the day."""
        return date.fromisoformat(text)


class UUIDField(ParsedField):
    """A UUID."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY})
    json_schema = {"type": "string", "format": "uuid"}
    text = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    text_name = "a UUID"

    def to_representation(self, value: UUID) -> str:
        """Return the UUID as text."""
        return str(value)

    def convert(self, text: str) -> UUID:
        """Return the UUID."""
        return UUID(text)


#: The field of the dialect for each kind of column, the most specific first.
COLUMNS: dict[type["models.Field[Any, Any]"], type[ValueField]] = {
    models.BooleanField: BooleanField,
    models.IntegerField: IntegerField,
    models.DecimalField: FloatField,
    models.FloatField: FloatField,
    models.DateTimeField: InstantField,
    models.DateField: DateField,
    models.UUIDField: UUIDField,
    models.JSONField: ObjectField,
    models.URLField: URLField,
    models.CharField: StringField,
    models.TextField: StringField,
}

#: The fields of serializers by model field: the dialect's, and DRF's for other columns.
FIELDS = {
    kind: next((ours for column, ours in COLUMNS.items() if issubclass(kind, column)), stock)
    for kind, stock in ModelSerializer.serializer_field_mapping.items()
}

#: The JSON Schema of the values of DRF's fields. Settings of DRF decide what instants look like,
#: and whether decimals are strings.
_SCHEMAS: dict[type[Any], JSONSchema] = {
    drf.BooleanField: {"type": "boolean"},
    drf.IntegerField: {"type": "integer"},
    drf.FloatField: {"type": "number"},
    drf.DecimalField: {"type": ["string", "number"]},
    drf.DateTimeField: {"type": "string"},
    drf.DateField: {"type": "string"},
    drf.UUIDField: {"type": "string"},
    drf.CharField: {"type": "string"},
}


def counterpart(field: Any, column: "models.Field[Any, Any] | None") -> ValueField:
    """Return the field of the dialect for a field of a serializer and its column, if it has one.

    A field of the dialect is its own counterpart.
    """
    if isinstance(field, ValueField):
        return field
    found = next((ours for kind, ours in COLUMNS.items() if isinstance(column, kind)), ValueField)
    is_required = column is not None and not column.null
    made = found(null=REQUIRED if is_required else None, read_only=True)
    made.json_schema = _SCHEMAS.get(type(field), {})  # type: ignore[misc]
    return made
