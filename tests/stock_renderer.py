"""Documents by the stock serializers and renderer of djangorestframework-jsonapi: an oracle.

The serializers are generated from our declarations, with a field of Django REST framework for each
kind of value, so that values too are formatted independently of the code under test.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from rest_framework.request import Request
from rest_framework_json_api import serializers
from rest_framework_json_api.relations import SerializerMethodResourceRelatedField
from rest_framework_json_api.renderers import JSONRenderer

from order_copies.jsonapi import values
from order_copies.jsonapi.resources import (
    Attribute,
    Relationship,
    ResourceSerializer,
    registered,
    resource_of,
)


class Blank(serializers.CharField):
    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) or None


class Instant(serializers.DateTimeField):
    """Format with milliseconds, which ``DATETIME_FORMAT`` cannot do."""

    def to_representation(self, value: datetime) -> str:
        moment = value.astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


#: The field of each kind of value, the most specific first.
FIELDS: Mapping[type[values.Value], type[serializers.Field]] = {
    values.Blank: Blank,
    values.String: serializers.CharField,
    values.Boolean: serializers.BooleanField,
    values.Integer: serializers.IntegerField,
    values.Float: serializers.FloatField,
    values.Instant: Instant,
    values.Object: serializers.JSONField,
    values.Value: serializers.ReadOnlyField,
}


class Serializer(serializers.Serializer):
    """A serializer of one resource, which ``resource`` names."""

    # ``type`` is a name that the library reserves, and the contract has an attribute of that name.
    _reserved_field_names: set[str] = set()

    resource: ResourceSerializer

    def get_fields(self) -> dict[str, Any]:
        """Leave out attributes on request unless requested: the library has no such attributes."""
        requested = self.context["request"].query_params.get(f"fields[{self.resource.type}]", "")
        hidden = {one.name for one in self.resource.attributes if one.on_request}
        hidden -= set(requested.split(","))
        return {name: field for name, field in super().get_fields().items() if name not in hidden}


class Computed(serializers.Field):
    """A value that a function computes from the row, formatted by another field."""

    def __init__(self, compute: Any, field: serializers.Field) -> None:
        super().__init__(source="*", read_only=True)
        self.compute, self.field = compute, field

    def to_representation(self, row: Any) -> Any:
        value = self.compute(row)
        return None if value is None else self.field.to_representation(value)


class Identifier(SerializerMethodResourceRelatedField):
    """Identifiers with our types and ids, in place of the names and keys of models."""

    def get_resource_id(self, value: Any) -> str:
        return resource_of(self.model.JSONAPIMeta.resource_name).id_of(value)

    def get_resource_type_from_included_serializer(self) -> str:
        return str(self.model.JSONAPIMeta.resource_name)


def stock_serializers() -> dict[str, type[Serializer]]:
    """Return the serializer of every resource, by type."""
    made = {resource.type: _serializer(resource) for resource in registered()}
    for serializer in made.values():
        serializer.included_serializers = {
            relationship.name: made[relationship.type]
            for relationship in serializer.resource.relationships
            if relationship.includable and relationship.type in made
        }
    return made


def stock_document(
    serializer: type[Serializer], rows: Any, request: Request, *, many: bool
) -> dict[str, Any]:
    """Return the document of a row, or of many, rendered by the library."""
    data = serializer(rows, many=many, context={"request": request}).data
    view = SimpleNamespace(resource_name=serializer.resource.type)
    text = JSONRenderer().render(data, renderer_context={"view": view, "request": request})
    document: dict[str, Any] = json.loads(text)
    return document


def _serializer(resource: ResourceSerializer) -> type[Serializer]:
    members: dict[str, Any] = {
        "resource": resource,
        "JSONAPIMeta": named(resource.type),
        "id": Computed(resource.id_of, serializers.CharField()),
    }
    for attribute in resource.attributes:
        members[attribute.name] = attribute_field(attribute)
    for relationship in resource.relationships:
        members[relationship.name] = linkage_field(relationship)
        members[f"get_{relationship.name}"] = _related(relationship)
    return type(f"{resource.type}_serializer", (Serializer,), members)


def attribute_field(attribute: Attribute) -> serializers.Field:
    """Return the field of an attribute."""
    kind = next(field for value, field in FIELDS.items() if isinstance(attribute.value, value))
    if attribute.get is not None:
        return Computed(attribute.get, kind())
    return kind(read_only=True) if kind is not serializers.ReadOnlyField else kind()


def linkage_field(relationship: Relationship) -> serializers.Field:
    """Return the field of a relationship; the serializer needs a method for its rows."""
    model = type("Model", (), {"JSONAPIMeta": named(relationship.type)})
    return Identifier(many=relationship.many, model=model)


def named(resource_type: str) -> type:
    """Return the class by which the library finds the type of a resource."""
    return type("JSONAPIMeta", (), {"resource_name": resource_type})


def _related(relationship: Relationship) -> Any:
    def related(serializer: Serializer, row: Any) -> Any:
        if relationship.leads_nowhere:
            return [] if relationship.many else None
        rows = relationship.rows(serializer.context["request"], [row]).order_by("pk")
        return list(rows) if relationship.many else rows.first()

    return related
