"""Texts of all kinds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import Q

from order_copies.jsonapi.openapi.json_schema import STORABLE, JSONSchema, or_null
from order_copies.jsonapi.storable import InvalidValueError, is_storable
from order_copies.jsonapi.values.base import REQUIRED, Comparison, Value

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_check_url = URLValidator(schemes=["http", "https"])


@dataclass(frozen=True)
class String(Value):
    """Text of limited length."""

    comparisons = frozenset(
        {Comparison.PRESENCE, Comparison.EQUALITY, Comparison.ORDER, Comparison.TEXT}
    )

    kind = {"type": "string"}
    text = STORABLE.removeprefix("^").removesuffix("$")
    text_name = "a text without NUL"

    max_length: int = 255

    def convert(self, text: str) -> str:
        """The text, if it can be stored at all: a part of it may be asked for."""
        return String.check(self, text)

    def is_among(self, column: str, values: Sequence[Any]) -> Q:
        """One list for the database."""
        return Q(**{f"{column}__in": values})

    def is_blank(self, column: str) -> Q:
        """Null, or empty."""
        return Q(**{f"{column}__isnull": True}) | Q(**{column: ""})

    def check(self, value: Any) -> str:
        """A string that every database can store."""
        if not isinstance(value, str):
            raise InvalidValueError("invalid", "must be a string")
        if not is_storable(value):
            raise InvalidValueError("invalid", "contains characters that cannot be stored")
        if len(value) > self.max_length:
            message = f"is too long (maximum is {self.max_length} characters)"
            raise InvalidValueError("too_long", message, count=self.max_length)
        return value

    def accepted(self) -> JSONSchema:
        """A string of that length, without NUL."""
        return super().accepted() | {"maxLength": self.max_length, "pattern": STORABLE}


@dataclass(frozen=True)
class Blank(String):
    """Text whose absence the shop stores as an empty string, and the contract writes as null."""

    null: Any = ""

    def write(self, value: Any) -> Any:
        """Null for nothing."""
        return value or None

    def schema(self) -> JSONSchema:
        """Text, or null."""
        return or_null(self.kind)

    def is_null(self, column: str) -> Q:
        """Null, or what the shop stores for it."""
        return self.is_blank(column)


@dataclass(frozen=True)
class Url(Blank):
    """An address on the web, to be opened by browsers."""

    kind = {"type": "string", "examples": ["https://yourdomain.com/cart"]}

    max_length: int = 200

    def check(self, value: Any) -> str:
        """A URL with a host, of http or https and of nothing else."""
        url = super().check(value)
        if url:
            try:
                _check_url(url)
            except ValidationError:
                raise InvalidValueError("invalid", "is not a valid URL") from None
        return url


@dataclass(frozen=True)
class Language(String):
    """A language by its code: ``it``, ``pt-BR``."""

    kind = {"type": "string", "examples": ["en"]}

    null: Any = REQUIRED
    max_length: int = 10

    def check(self, value: Any) -> str:
        """Something of the form of a language code."""
        code = super().check(value)
        if not _LANGUAGE.fullmatch(code):
            raise InvalidValueError("invalid", "is not a language code")
        return code

    def accepted(self) -> JSONSchema:
        """A string of that form."""
        return super().accepted() | {"pattern": f"^{_LANGUAGE.pattern}$"}


@dataclass(frozen=True)
class Choice(String):
    """One of a few words."""

    choices: Sequence[str] = ()

    def check(self, value: Any) -> str:
        """One of them."""
        if value not in self.choices:
            raise InvalidValueError("inclusion", f"must be one of {', '.join(self.choices)}")
        return str(value)

    def schema(self) -> JSONSchema:
        """One of them, or null where it may be null."""
        return self._one_of_them(super().schema())

    def accepted(self) -> JSONSchema:
        """One of them, or null where null is taken."""
        return self._one_of_them(Value.accepted(self))

    def _one_of_them(self, schema: JSONSchema) -> JSONSchema:
        return schema | {"enum": [*self.choices, *([None] if "null" in schema["type"] else [])]}
