"""Serializer fields of the dialect: how each value is written, read, compared and described.

They are fields of Django REST framework. In addition each of them knows its predicates for
``filter[q]`` and its JSON Schema.
"""

from order_copies.jsonapi.fields.base import (
    REQUIRED,
    AnyField,
    Comparison,
    IDField,
    ParsedField,
    PrimaryKeyIDField,
    ValueField,
)
from order_copies.jsonapi.fields.stock import FIELDS, DateField, UUIDField, counterpart
from order_copies.jsonapi.fields.values import (
    BlankField,
    BooleanField,
    ChoiceField,
    FloatField,
    InstantField,
    IntegerField,
    LanguageField,
    ObjectField,
    RefusedField,
    RefusedValueField,
    StringField,
    TriggerField,
    URLField,
    instant,
)

__all__ = [
    "FIELDS",
    "REQUIRED",
    "AnyField",
    "BlankField",
    "BooleanField",
    "ChoiceField",
    "Comparison",
    "DateField",
    "FloatField",
    "IDField",
    "InstantField",
    "IntegerField",
    "LanguageField",
    "ObjectField",
    "ParsedField",
    "PrimaryKeyIDField",
    "RefusedField",
    "RefusedValueField",
    "StringField",
    "TriggerField",
    "URLField",
    "UUIDField",
    "ValueField",
    "counterpart",
    "instant",
]
