"""Public ids of resources."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from order_copies.jsonapi.fields.base import AnyField
from order_copies.jsonapi.storable import is_storable


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
