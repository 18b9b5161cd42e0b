"""The base classes of the dialect's fields, and the fields of public ids."""

import re
from collections.abc import Sequence
from copy import copy
from enum import Enum, StrEnum
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import EMPTY_VALUES
from django.db.models import Model, Q
from rest_framework.fields import Field

from order_copies.jsonapi.json_schema import JSONSchema, or_null
from order_copies.jsonapi.storable import InvalidValueError, is_storable

if TYPE_CHECKING:
    AnyField = Field[Any, Any, Any, Any]
else:
    AnyField = Field


class Required(Enum):
    """The value of ``null=`` for fields that refuse null. DRF copies arguments, but not enums."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


class Comparison(StrEnum):
    """The groups of predicates that a filter can apply to a value."""

    PRESENCE = "presence"
    EQUALITY = "equality"
    ORDER = "order"
    TEXT = "text"
    TRUTH = "truth"
    CONTAINMENT = "containment"


class ValueField(AnyField):
    """A value of any kind, which is returned as it is stored.

    ``null`` is the value that null in a request stands for: None, ``""`` or ``{}``, or
    :data:`REQUIRED` to refuse null, which is the default of fields that clients can set. A
    subclass that accepts values from clients defines :meth:`to_internal_value`; a subclass that
    can be filtered by defines ``comparisons``, ``text`` and :meth:`convert`.
    """

    default_error_messages = {"required": "can't be blank", "null": "can't be blank"}

    #: The predicates that filters can use.
    comparisons: ClassVar[frozenset[Comparison]] = frozenset()
    #: The JSON Schema of values other than null.
    json_schema: ClassVar[JSONSchema] = {}
    #: The pattern (ECMA 262) of the texts that filters take, and its name in error messages.
    text: ClassVar[str] = ".*"
    text_name: ClassVar[str] = "a text"

    def __init__(self, *, null: Any = ..., example: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        may_be_null = self.read_only or self.allow_null
        self.null = null if null is not ... else None if may_be_null else REQUIRED
        #: A typical value, for the OpenAPI document.
        self.example = example

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Replace null by the value that it stands for, or refuse it."""
        if data is None and not self.read_only:
            if self.null is REQUIRED:
                self.fail("null")
            return True, copy(self.null)
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        """Return the valid value. Raises :class:`InvalidValueError`."""
        raise InvalidValueError("invalid", "is invalid")

    def run_validators(self, value: Any) -> None:
        """Run the validators of the column. Like Django, skip them for empty values."""
        if value not in EMPTY_VALUES:
            super().run_validators(value)

    def to_representation(self, value: Any) -> Any:
        """Return the value as documents contain it."""
        return value

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the value in documents."""
        return or_null(self.json_schema) if self.null is None else dict(self.json_schema)

    def accepted(self) -> JSONSchema:
        """Return the JSON Schema of the values that clients may send."""
        return dict(self.json_schema) if self.null is REQUIRED else or_null(self.json_schema)

    def parse(self, text: str) -> Any:
        """Return the value that the text of a filter stands for.

        Raises :class:`InvalidValueError`.
        """
        if not re.fullmatch(self.text, text):
            raise InvalidValueError("invalid", f"must be {self.text_name}")
        return self.convert(text)

    def convert(self, text: str) -> Any:
        """Return the value of a text of the pattern. Raises :class:`InvalidValueError`."""
        raise InvalidValueError("invalid", "is invalid")

    def compare(self, lookup: str, column: str, value: Any) -> Q:
        """Return the condition that the lookup is true for a column and a parsed value."""
        return Q(**{f"{column}__{lookup}": value})

    def is_among(self, column: str, values: Sequence[Any]) -> Q:
        """Return the condition that a column has one of these parsed values."""
        return reduce(or_, (self.compare("exact", column, value) for value in values))

    def is_null(self, column: str) -> Q:
        """Return the condition that documents contain null for the column."""
        return Q(**{f"{column}__isnull": True})

    def is_blank(self, column: str) -> Q:
        """Return the condition that the value is null or empty."""
        return self.is_null(column)


class ParsedField(ValueField):
    """A value that clients send as the same texts that filters take."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the value of a text. Raises :class:`InvalidValueError`."""
        if not isinstance(data, str):
            raise InvalidValueError("invalid", f"must be {self.text_name}")
        return self.parse(data)


class IDField(AnyField):
    """The public id of a resource: a field named ``id`` that also finds the row of an id.

    A subclass defines :meth:`key_of`, and :meth:`to_representation` unless ids are keys.
    """

    #: The pattern of ids (ECMA 262), and one of them, for filters and the OpenAPI document.
    pattern: str = "^[^/]+$"
    example: str = "XAyRWNUzyN"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="pk", read_only=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        """Return the public id of a primary key, which may be given as text."""
        return str(value)

    def id_of(self, row: Any) -> str:
        """Return the public id of a row."""
        return self.to_representation(row.pk)

    def matches(self, row: Any, public_id: str) -> bool:
        """Return whether the row, which has the key of ``public_id``, has this id."""
        return True

    def key_of(self, public_id: str) -> Any:
        """Return the primary key of a public id, or None if the id is malformed."""
        raise NotImplementedError


class PrimaryKeyIDField(IDField):
    """The primary key of a model as public id: the id of serializers that declare none."""

    example = "1"

    def __init__(self, model: type[Model], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def key_of(self, public_id: str) -> Any:
        """Return the primary key, or None if the model cannot have it."""
        key_field = self.model._meta.pk
        assert key_field is not None
        try:
            key = key_field.to_python(public_id)
            key_field.run_validators(key)
        except (ValueError, ValidationError):
            return None
        return key if is_storable(public_id) else None

    def matches(self, row: Any, public_id: str) -> bool:
        """Return whether the id is written in the one way: 7, not 07."""
        return str(row.pk) == public_id
