"""Strings of all kinds."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import Q

from order_copies.jsonapi.fields.base import Comparison, ValueField
from order_copies.jsonapi.json_schema import STORABLE, JSONSchema, or_null
from order_copies.jsonapi.storable import InvalidValueError, is_storable

#: The maximum length of a string, unless the field has another one, and of the text of a filter.
MAX_LENGTH = 255

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_check_url = URLValidator(schemes=["http", "https"])


class StringField(ValueField):
    """A string of limited length."""

    comparisons = frozenset(
        {Comparison.PRESENCE, Comparison.EQUALITY, Comparison.ORDER, Comparison.TEXT}
    )
    json_schema = {"type": "string"}
    text = STORABLE.removeprefix("^").removesuffix("$")
    text_name = "a text without NUL"

    def __init__(self, *, max_length: int | None = MAX_LENGTH, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def to_internal_value(self, data: Any) -> str:
        """Return a string that every database can store. Unlike DRF's field, keep its spaces."""
        return _checked(data, self.max_length)

    def convert(self, text: str) -> str:
        """Return the text, which may be a part of a value. Raises :class:`InvalidValueError`."""
        return _checked(text, MAX_LENGTH)

    def is_among(self, column: str, values: Sequence[Any]) -> Q:
        """Return the condition as one list for the database."""
        return Q(**{f"{column}__in": values})

    def is_blank(self, column: str) -> Q:
        """Return the condition that the string is null or empty."""
        return Q(**{f"{column}__isnull": True}) | Q(**{column: ""})

    def accepted(self) -> JSONSchema:
        """Return the schema of strings of that length, without NUL."""
        length = {} if self.max_length is None else {"maxLength": self.max_length}
        return super().accepted() | length | {"pattern": STORABLE}


class BlankField(StringField):
    """A string that is ``""`` in the database and null in documents if it is empty."""

    def __init__(self, *, null: Any = "", **kwargs: Any) -> None:
        super().__init__(null=null, **kwargs)

    def to_representation(self, value: Any) -> Any:
        """Return null for an empty string."""
        return value or None

    def schema(self) -> JSONSchema:
        """Return the schema of a string or null."""
        return or_null(self.json_schema)

    def is_null(self, column: str) -> Q:
        """Return the condition that the string is null or empty."""
        return self.is_blank(column)


class URLField(BlankField):
    """A URL with the scheme http or https."""

    json_schema = {"type": "string", "examples": ["https://yourdomain.com/cart"]}

    def to_internal_value(self, data: Any) -> str:
        """Return a URL with a host, or an empty string. Raises :class:`InvalidValueError`."""
        url = super().to_internal_value(data)
        if url:
            try:
                _check_url(url)
            except ValidationError:
                raise InvalidValueError("invalid", "is not a valid URL") from None
        return url


class LanguageField(StringField):
    """A language code, such as ``it`` or ``pt-BR``."""

    json_schema = {"type": "string", "examples": ["en"]}

    def to_internal_value(self, data: Any) -> str:
        """Return a string of the form of a language code. Raises :class:`InvalidValueError`."""
        code = super().to_internal_value(data)
        if not _LANGUAGE.fullmatch(code):
            raise InvalidValueError("invalid", "is not a language code")
        return code

    def accepted(self) -> JSONSchema:
        """Return the schema of strings of that form."""
        return super().accepted() | {"pattern": f"^{_LANGUAGE.pattern}$"}


class ChoiceField(StringField):
    """One of a fixed list of words. ``choices``: the words, or pairs of a word and its label."""

    def __init__(self, *, choices: Iterable[Any] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = [one if isinstance(one, str) else str(one[0]) for one in choices]

    def to_internal_value(self, data: Any) -> str:
        """Return one of the words. Raises :class:`InvalidValueError`."""
        if data not in self.choices:
            raise InvalidValueError("inclusion", f"must be one of {', '.join(self.choices)}")
        return str(data)

    def schema(self) -> JSONSchema:
        """Return the schema of the words, and null if the field can be null."""
        return self._with_words(super().schema())

    def accepted(self) -> JSONSchema:
        """Return the schema of the words, and null if the field accepts null."""
        return self._with_words(ValueField.accepted(self))

    def _with_words(self, schema: JSONSchema) -> JSONSchema:
        return schema | {"enum": [*self.choices, *([None] if "null" in schema["type"] else [])]}


def _checked(text: Any, max_length: int | None) -> str:
    if not isinstance(text, str):
        raise InvalidValueError("invalid", "must be a string")
    if not is_storable(text):
        raise InvalidValueError("invalid", "contains characters that cannot be stored")
    if max_length is not None and len(text) > max_length:
        raise InvalidValueError("too_long", f"is too long (maximum is {max_length} characters)")
    return text
