"""Serializer fields of the dialect: how each value is written, read, compared and described.

They are fields of Django REST framework. In addition each of them knows its predicates for
``filter[q]`` and its JSON Schema.
"""

from order_copies.jsonapi.fields.base import REQUIRED, AnyField, Comparison, ValueField
from order_copies.jsonapi.fields.identifiers import IDField, PrimaryKeyIDField
from order_copies.jsonapi.fields.instants import InstantField, instant
from order_copies.jsonapi.fields.numbers import BooleanField, FloatField, IntegerField
from order_copies.jsonapi.fields.objects import ObjectField
from order_copies.jsonapi.fields.stock import FIELDS, counterpart
from order_copies.jsonapi.fields.texts import (
    BlankField,
    ChoiceField,
    LanguageField,
    StringField,
    URLField,
)
from order_copies.jsonapi.fields.triggers import TriggerField

__all__ = [
    "FIELDS",
    "REQUIRED",
    "AnyField",
    "BlankField",
    "BooleanField",
    "ChoiceField",
    "Comparison",
    "FloatField",
    "IDField",
    "InstantField",
    "IntegerField",
    "LanguageField",
    "ObjectField",
    "PrimaryKeyIDField",
    "StringField",
    "TriggerField",
    "URLField",
    "ValueField",
    "counterpart",
    "instant",
]
