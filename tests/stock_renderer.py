"""Documents by the stock serializers and renderer of djangorestframework-jsonapi: an oracle.

Its serializers have the names and sources of our fields, but a field of Django REST framework for
each kind of value: values are formatted independently of the code under test. Related rows and ids
come from the compiled resources.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from rest_framework.request import Request
from rest_framework_json_api import serializers
from rest_framework_json_api.relations import SerializerMethodResourceRelatedField
from rest_framework_json_api.renderers import JSONRenderer
from rest_framework_json_api.utils import get_resource_type_from_serializer

from order_copies.jsonapi import fields
from order_copies.jsonapi.compiler import tables_of
from order_copies.jsonapi.resources import (
    Relationship,
    Resource,
    related_rows,
    resource_of,
    resources,
)


class Blank(serializers.CharField):
    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) or None


class Instant(serializers.DateTimeField):
    """Format with milliseconds, which ``DATETIME_FORMAT`` cannot do."""

    def to_representation(self, value: datetime) -> str:
        moment = value.astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


#: The field of Django REST framework for each of ours, the most specific first.
FIELDS: Mapping[type[fields.ValueField], type[serializers.Field]] = {
    fields.BlankField: Blank,
    fields.StringField: serializers.CharField,
    fields.BooleanField: serializers.BooleanField,
    fields.IntegerField: serializers.IntegerField,
    fields.FloatField: serializers.FloatField,
    fields.InstantField: Instant,
    fields.ObjectField: serializers.JSONField,
    fields.ValueField: serializers.JSONField,
}


class Serializer(serializers.Serializer):
    """A serializer of one resource, which ``resource`` names."""

    # ``type`` is a name that the library reserves, and the contract has an attribute of that name.
    _reserved_field_names: set[str] = set()

    resource: Resource

    def get_fields(self) -> dict[str, Any]:
        """Leave out attributes on request unless requested: the library has no such attributes."""
        requested = self.context["request"].query_params.get(f"fields[{self.resource.type}]", "")
        hidden = {one.name for one in self.resource.attributes if one.on_request}
        hidden -= set(requested.split(","))
        return {name: field for name, field in super().get_fields().items() if name not in hidden}


class PublicID(serializers.Field):
    """The public id of a row."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(source="*", read_only=True)
        self.resource = resource

    def to_representation(self, row: Any) -> str:
        return self.resource.id_field.id_of(row)


class Identifier(SerializerMethodResourceRelatedField):
    """Identifiers with our types and ids, in place of the names and keys of models."""

    def get_resource_id(self, value: Any) -> str:
        return resource_of(self.model.JSONAPIMeta.resource_name).id_field.id_of(value)

    def get_resource_type_from_included_serializer(self) -> str:
        return str(self.model.JSONAPIMeta.resource_name)


def stock_serializers() -> dict[str, type[Serializer]]:
    """Return the serializer of every resource, by type."""
    made = {resource.type: _serializer(resource) for resource in resources().values()}
    for serializer in made.values():
        serializer.included_serializers = {
            relationship.name: made[relationship.type]
            for relationship in serializer.resource.relationships
            if relationship.includable and relationship.type in made
        }
    return made


def stock_document(
    serializer: type[serializers.Serializer], rows: Any, request: Request, *, many: bool
) -> dict[str, Any]:
    """Return the document of a row, or of many, rendered by the library."""
    data = serializer(rows, many=many, context={"request": request}).data
    view = SimpleNamespace(resource_name=get_resource_type_from_serializer(serializer))
    text = JSONRenderer().render(data, renderer_context={"view": view, "request": request})
    document: dict[str, Any] = json.loads(text)
    return document


def _serializer(resource: Resource) -> type[Serializer]:
    members: dict[str, Any] = {
        "resource": resource,
        "JSONAPIMeta": named(resource.type),
        "id": PublicID(resource),
        **attribute_fields(resource.serializer_class),
    }
    for relationship in resource.relationships:
        members[relationship.name] = linkage_field(relationship)
        members[f"get_{relationship.name}"] = _related(relationship)
    return type(f"{resource.type}_serializer", (Serializer,), members)


def attribute_fields(serializer_class: Any) -> dict[str, serializers.Field]:
    """Return the fields of the attributes of one of our serializers, by name."""
    declared = serializer_class().fields
    names = [
        one.name for one in tables_of(serializer_class).attributes if not one.declared.write_only
    ]
    return {name: _attribute_field(declared[name]) for name in names}


def _attribute_field(declared: Any) -> serializers.Field:
    if declared.source == "*":
        # It computes its value from the row: no other field has its ``to_representation``.
        return type(declared)(source="*", read_only=True)
    if not isinstance(declared, fields.ValueField):
        return deepcopy(declared)
    kind = next(theirs for ours, theirs in FIELDS.items() if isinstance(declared, ours))
    is_renamed = declared.source != declared.field_name
    return kind(read_only=True, **({"source": declared.source} if is_renamed else {}))


def linkage_field(relationship: Relationship) -> serializers.Field:
    """Return the field of a relationship; the serializer needs a method for its rows."""
    model = type("Model", (), {"JSONAPIMeta": named(relationship.type)})
    return Identifier(many=relationship.many, model=model)


def named(resource_type: str) -> type:
    """Return the class by which the library finds the type of a resource."""
    return type("JSONAPIMeta", (), {"resource_name": resource_type})


def _related(relationship: Relationship) -> Any:
    def related(serializer: Serializer, row: Any) -> Any:
        rows = related_rows(relationship, [row], serializer.context).order_by("pk")
        return list(rows) if relationship.many else rows.first()

    return related
