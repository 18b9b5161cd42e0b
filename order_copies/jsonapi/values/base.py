"""What all kinds of values have in common."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any, ClassVar

from django.db.models import Q

from order_copies.jsonapi.openapi.json_schema import JSONSchema, or_null
from order_copies.jsonapi.storable import InvalidValueError

#: Stands for "null is refused".
REQUIRED: Any = object()


class Comparison(StrEnum):
    """What rows can be asked of a value when they are filtered."""

    PRESENCE = "presence"
    EQUALITY = "equality"
    ORDER = "order"
    TEXT = "text"
    TRUTH = "truth"
    CONTAINMENT = "containment"


@dataclass(frozen=True)
class Value:
    """A value of any kind, written as it is. Only what a subclass can read is accepted."""

    #: What filters can ask of it.
    comparisons: ClassVar[frozenset[Comparison]] = frozenset()
    #: The JSON Schema of what is not null.
    kind: ClassVar[JSONSchema] = {}
    #: The pattern (ECMA 262) of the texts that filters take for it, and what it is called.
    text: ClassVar[str] = ".*"
    text_name: ClassVar[str] = "a text"

    #: What a client that sends null means; :data:`REQUIRED` refuses it.
    null: Any = None

    def write(self, value: Any) -> Any:
        """The row's value as documents have it."""
        return value

    def read(self, value: Any) -> Any:
        """What a client's ``value`` stands for. Raises :class:`InvalidValueError`."""
        if value is not None:
            return self.check(value)
        if self.null is REQUIRED:
            raise InvalidValueError("blank", "can't be blank")
        return {} if self.null == {} else self.null

    def check(self, value: Any) -> Any:
        """``value``, which is not null, if it is of this kind."""
        raise InvalidValueError("invalid", "is invalid")

    def schema(self) -> JSONSchema:
        """The JSON Schema of what :meth:`write` gives: never null where null means something."""
        return or_null(self.kind) if self.null is None else dict(self.kind)

    def accepted(self) -> JSONSchema:
        """The JSON Schema of what :meth:`read` takes."""
        return dict(self.kind) if self.null is REQUIRED else or_null(self.kind)

    def parse(self, text: str) -> Any:
        """What the text of a filter stands for. Raises :class:`InvalidValueError`."""
        if not re.fullmatch(self.text, text):
            raise InvalidValueError("invalid", f"must be {self.text_name}")
        return self.convert(text)

    def convert(self, text: str) -> Any:
        """What a text of the pattern stands for. Raises :class:`InvalidValueError`."""
        raise InvalidValueError("invalid", "cannot be filtered by")

    def compare(self, lookup: str, column: str, value: Any) -> Q:
        """The condition that a column compares so with a parsed value."""
        return Q(**{f"{column}__{lookup}": value})

    def is_among(self, column: str, values: Sequence[Any]) -> Q:
        """The condition that a column has one of these parsed values."""
        return reduce(or_, (self.compare("exact", column, value) for value in values))

    def is_null(self, column: str) -> Q:
        """The condition that documents have null for the column."""
        return Q(**{f"{column}__isnull": True})

    def is_blank(self, column: str) -> Q:
        """The condition that documents have nothing to tell of the column."""
        return self.is_null(column)
