"""Relationships of serializers."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.relations import ManyRelatedField
from rest_framework_json_api import relations

from order_copies.jsonapi.storable import InvalidValueError


class ResourceRelatedField(relations.ResourceRelatedField):  # type: ignore[misc]
    """A relationship: a foreign key or its reverse, or the related rows that ``lookup`` finds.

    ``lookup``: the lookup of related rows that yields the primary key of the row, such as
    ``"line_item__order_id"``, or the attribute ``column`` of the row, such as ``"sku_code"``.
    ``key`` converts that key first: it is ``str`` or ``int``, and an empty text is no key.
    ``conditions``: further lookups. ``resource_name``: the type of the related resources; only a
    relationship that is not in ``included_serializers`` needs it.

    A client sends a resource identifier. The field only checks it; the serializer then looks up
    the row among those that the client may see, if all other values are valid.
    """

    default_error_messages = {"required": "can't be blank", "null": "can't be blank"}

    def __init__(
        self,
        *,
        lookup: str = "",
        column: str = "",
        key: Callable[[Any], Any] | None = None,
        conditions: Mapping[str, Any] | None = None,
        resource_name: str = "",
        **kwargs: Any,
    ) -> None:
        if "queryset" not in kwargs:
            kwargs.setdefault("read_only", True)
        elif not kwargs.get("required", True):
            kwargs.setdefault("allow_null", True)
        # DRF names the field of a foreign key with ``to_field``; ids are ids here.
        kwargs.pop("slug_field", None)
        super().__init__(**kwargs)
        self.lookup = lookup
        self.column = column
        self.key = key
        self.conditions = conditions or {}
        self.resource_name = resource_name

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> ManyRelatedField:
        """Return the field of a relationship to many resources, which clients cannot set."""
        for name in ("queryset", "required", "allow_empty", "allow_null"):
            kwargs.pop(name, None)
        kwargs["read_only"] = True
        return super().many_init(*args, **kwargs)  # type: ignore[no-any-return]

    def to_internal_value(self, data: Any) -> str:
        """Return the public id of a resource identifier, unresolved."""
        if not isinstance(data, dict) or not isinstance(data.get("id"), str):
            raise InvalidValueError("invalid", "must be a resource identifier")
        public_id: str = data["id"]
        return public_id
