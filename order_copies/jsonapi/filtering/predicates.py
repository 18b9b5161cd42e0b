"""The predicates of ``filter[q]`` (contract 5.6): their conditions and the kinds of value they fit.

A comparison never matches null, even if it is negated, unless the predicate ends in ``_or_null``.
Predicates that compare whole texts (``eq``, ``in``, ``lt``, …) are case-sensitive; predicates
that search for a part of a text (``cont``, ``start``, ``matches``, …) are case-insensitive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q

from order_copies.db.lookups import (
    Contains,
    ContainsJSON,
    EndsWith,
    Like,
    StartsWith,
)
from order_copies.jsonapi.fields import Comparison, ValueField
from order_copies.jsonapi.storable import InvalidValueError

#: Maximum number of values in a list.
MAX_VALUES = 100


class Operand(StrEnum):
    """Kind of argument that a predicate takes."""

    ONE = "a value"
    MANY = "values separated by commas, each compared by itself"
    LIST = "values separated by commas, compared as one list"
    FLAG = "true, or false, which inverts the predicate"


@dataclass(frozen=True)
class Predicate:
    """One predicate: ``condition`` builds a ``Q`` from a column and one value."""

    name: str
    comparison: Comparison
    condition: Callable[[str, Any, ValueField], Q]
    operand: Operand = Operand.ONE
    negated: bool = False
    or_null: bool = False
    #: Combines the conditions of several values.
    combine: Callable[[Q, Q], Q] = or_

    def read(self, text: str, value: ValueField) -> Any:
        """Parse ``text`` into a list of values. Raise :class:`InvalidValueError`."""
        if self.operand is Operand.FLAG:
            return [_flag(text)]
        if self.operand is Operand.ONE:
            return [value.parse(text)]
        texts = text.split(",")
        if len(texts) > MAX_VALUES:
            raise InvalidValueError("too_long", f"has too many values (maximum is {MAX_VALUES})")
        return [value.parse(one) for one in texts]

    def on(self, column: str, values: Sequence[Any], value: ValueField) -> Q:
        """Return the condition that the column meets the predicate with these values.

        If :meth:`inverts` is true for the values, return the opposite condition: the caller must
        negate it.
        """
        if self.operand is Operand.FLAG:
            return self.condition(column, None, value)
        operands = [values] if self.operand is Operand.LIST else values
        met = reduce(self.combine, (self._on_one(column, one, value) for one in operands))
        return met | value.is_null(column) if self.or_null else met

    def inverts(self, values: Sequence[Any]) -> bool:
        """Return whether the predicate matches the rows that :meth:`on` does *not* match."""
        return self.operand is Operand.FLAG and self.negated is values[0]

    def _on_one(self, column: str, one: Any, value: ValueField) -> Q:
        condition = self.condition(column, one, value)
        return ~value.is_null(column) & ~condition if self.negated else condition


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise InvalidValueError("inclusion", "must be true or false")
    return text == "true"


def _by(lookup: str) -> Callable[[str, Any, ValueField], Q]:
    return lambda column, one, value: value.compare(lookup, column, one)


def _among(column: str, values: Any, value: ValueField) -> Q:
    return value.is_among(column, values)


def _not_null(column: str, one: Any, value: ValueField) -> Q:
    return ~value.is_null(column)


def _present(column: str, one: Any, value: ValueField) -> Q:
    return ~value.is_blank(column)


def _family(
    name: str,
    comparison: Comparison,
    condition: Callable[[str, Any, ValueField], Q],
    *suffixes: str,
    negated: bool = False,
    operand: Operand = Operand.ONE,
) -> list[Predicate]:
    """Return a predicate and its variants: for several values, and for a value or null."""
    kinds: dict[str, dict[str, Any]] = {
        "": {"operand": operand},
        "_or_null": {"operand": operand, "or_null": True},
        "_any": {"operand": Operand.MANY, "combine": or_},
        "_all": {"operand": Operand.MANY, "combine": and_},
    }
    return [
        Predicate(f"{name}{suffix}", comparison, condition, negated=negated, **kinds[suffix])
        for suffix in ("", *suffixes)
    ]


_EQUALITY, _ORDER, _TEXT = Comparison.EQUALITY, Comparison.ORDER, Comparison.TEXT
_PRESENCE, _TRUTH = Comparison.PRESENCE, Comparison.TRUTH
_exact = _by("exact")

_PREDICATES = [
    *_family("eq", _EQUALITY, _exact, "_or_null"),
    *_family("not_eq", _EQUALITY, _exact, "_or_null", "_all", negated=True),
    *_family("in", _EQUALITY, _among, "_or_null", operand=Operand.LIST),
    *_family("not_in", _EQUALITY, _among, "_or_null", operand=Operand.LIST, negated=True),
    *_family("lt", _ORDER, _by("lt"), "_any", "_all"),
    *_family("lteq", _ORDER, _by("lte"), "_any", "_all"),
    *_family("gt", _ORDER, _by("gt"), "_any", "_all"),
    *_family("gteq", _ORDER, _by("gte"), "_any", "_all"),
    *_family("matches", _TEXT, _by(Like.lookup_name), "_any", "_all"),
    *_family("does_not_match", _TEXT, _by(Like.lookup_name), "_any", "_all", negated=True),
    *_family("start", _TEXT, _by(StartsWith.lookup_name), "_any", "_all"),
    *_family("not_start", _TEXT, _by(StartsWith.lookup_name), "_any", "_all", negated=True),
    *_family("end", _TEXT, _by(EndsWith.lookup_name), "_any", "_all"),
    *_family("not_end", _TEXT, _by(EndsWith.lookup_name), "_any", "_all", negated=True),
    *_family("cont", _TEXT, _by(Contains.lookup_name), "_any", "_all"),
    *_family("not_cont", _TEXT, _by(Contains.lookup_name), "_all", negated=True),
    *_family("i_cont", _TEXT, _by(Contains.lookup_name)),
    *_family("jcont", Comparison.CONTAINMENT, _by(ContainsJSON.lookup_name)),
    Predicate("null", _PRESENCE, _not_null, Operand.FLAG, negated=True),
    Predicate("not_null", _PRESENCE, _not_null, Operand.FLAG),
    Predicate("blank", _PRESENCE, _present, Operand.FLAG, negated=True),
    Predicate("present", _PRESENCE, _present, Operand.FLAG),
    Predicate("true", _TRUTH, lambda column, one, value: Q(**{column: True}), Operand.FLAG),
    Predicate("false", _TRUTH, lambda column, one, value: Q(**{column: False}), Operand.FLAG),
]

#: The predicates by name, longest name first: a search by suffix finds ``not_in`` before ``in``.
PREDICATES = {
    predicate.name: predicate
    for predicate in sorted(_PREDICATES, key=lambda predicate: -len(predicate.name))
}
