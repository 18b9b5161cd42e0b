"""The kinds of values that attributes hold: how each is written, read, and compared.

Each kind says by itself what it writes and reads, as JSON Schema.
"""

from order_copies.jsonapi.values.base import REQUIRED, Comparison, Value
from order_copies.jsonapi.values.instants import Instant, instant
from order_copies.jsonapi.values.numbers import Boolean, Float, Integer
from order_copies.jsonapi.values.objects import Object
from order_copies.jsonapi.values.texts import Blank, Choice, Language, String, Url

__all__ = [
    "REQUIRED",
    "Blank",
    "Boolean",
    "Choice",
    "Comparison",
    "Float",
    "Instant",
    "Integer",
    "Language",
    "Object",
    "String",
    "Url",
    "Value",
    "instant",
]
