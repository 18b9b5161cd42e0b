"""Compile a serializer class into the tables of its resource.

The fields of the dialect, and those of DRF that need no request, become functions from a row to a
value. All other fields are read through a serializer of the request: see :mod:`.documents`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Manager, Model, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from rest_framework import fields as drf
from rest_framework.fields import Field, SkipField
from rest_framework.relations import ManyRelatedField, PKOnlyObject, RelatedField
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from rest_framework.utils import model_meta
from rest_framework_json_api.utils import (
    get_related_resource_type,
    get_resource_type_from_serializer,
)

from order_copies.jsonapi.fields import (
    AnyField,
    IDField,
    PrimaryKeyIDField,
    TriggerField,
    ValueField,
    counterpart,
)
from order_copies.jsonapi.relations import EmptyRelatedField
from order_copies.jsonapi.resources import Attribute, Relationship, Trigger

SerializerClass = type[BaseSerializer[Any]]

#: The types of the shop's serializers and models that are served under another name.
aliases: dict[type, str] = {}

#: DRF's fields that may use the request or the serializer, and are read through one.
_NEED_A_SERIALIZER = (drf.SerializerMethodField, drf.HiddenField, drf.FileField)


class Tables:
    """The attributes, relationships, triggers and id of a serializer class."""

    def __init__(self, serializer_class: SerializerClass) -> None:
        self.serializer_class = serializer_class
        self.meta = getattr(serializer_class, "Meta", None)
        self.model: type[Model] | None = getattr(self.meta, "model", None)
        try:
            self.fields: dict[str, AnyField] = serializer_class().fields  # type: ignore[attr-defined]
        except Exception as error:
            message = f"{serializer_class} needs a request to build its fields: {error!r}"
            raise ImproperlyConfigured(message) from error
        self.included = getattr(serializer_class, "included_serializers", {})
        self.id_field = self._id_field()
        self.triggers = [
            Trigger(name=name, scope=field.scope, description=field.help_text or "")
            for name, field in self.fields.items()
            if isinstance(field, TriggerField)
        ]
        self.relationships = [
            self._relationship(name, field)
            for name, field in self.fields.items()
            if is_relationship(field)
        ]
        self.attributes = [
            self._attribute(name, field)
            for name, field in self.fields.items()
            if not is_relationship(field) and not self._is_identity(name, field)
        ]

    def _is_identity(self, name: str, field: AnyField) -> bool:
        # ``url`` is the library's field for ``links.self``, which every resource has.
        return name in {"id", api_settings.URL_FIELD_NAME} or isinstance(field, TriggerField)

    def _id_field(self) -> IDField:
        declared = self.fields.get("id")
        if isinstance(declared, IDField):
            return declared
        assert self.model is not None, f"{self.serializer_class} needs an IDField or a model."
        return PrimaryKeyIDField(self.model)

    def _names(self, option: str) -> Any:
        return getattr(self.meta, option, ())

    def _attribute(self, name: str, field: AnyField) -> Attribute:
        column = self._column(field)
        value_field = counterpart(field, self._model_field(column))
        filterable = self._names_with_column("filterable", name, column)
        return Attribute(
            name=name,
            field=value_field,
            creatable=name in self._names("creatable"),
            updatable=name in self._names("updatable"),
            filterable=filterable and bool(value_field.comparisons),
            sortable=self._names_with_column("sortable", name, column),
            on_request=name in self._names("on_request"),
            write_only=field.write_only,
            column=column or name,
            get=self._getter(field),
            description=field.help_text or "",
            example=getattr(field, "example", None),
        )

    def _names_with_column(self, option: str, name: str, column: str) -> bool:
        if hasattr(self.meta, option):
            return name in getattr(self.meta, option)
        return bool(column) and not self.fields[name].write_only

    def _column(self, field: AnyField) -> str:
        # The path of lookups to the column of a field; none for what the database does not have.
        if field.source == "*":
            return ""
        path = str(field.source).replace(".", "__")
        if isinstance(field, ValueField) or self.model is None:
            return path
        return path if _is_column(self.model, path.split("__")) else ""

    def _model_field(self, column: str) -> Any:
        end: Any = self.model
        for step in column.split("__") if column and end else ():
            found = {one.name: one for one in end._meta.concrete_fields}.get(step)
            if found is None or not found.remote_field:
                return found
            end = found.related_model
        return None

    def _getter(self, field: AnyField) -> Callable[[Any], Any] | None:
        if self.represents_itself:
            return None
        if isinstance(field, ValueField):
            return self._value_getter(field)
        is_plain = type(field).__module__ == drf.__name__ and not hasattr(field, "child")
        if not is_plain or isinstance(field, _NEED_A_SERIALIZER):
            return None
        path = str(field.source)
        if self.model is None or not _is_column(self.model, [path]):
            return None
        return _none_or(attrgetter(path), field.to_representation)

    @property
    def represents_itself(self) -> bool:
        """Whether the class has a ``to_representation`` of the shop's own."""
        own = self.serializer_class.to_representation
        return not own.__module__.startswith(("rest_framework", "order_copies.jsonapi"))

    def _value_getter(self, field: ValueField) -> Callable[[Any], Any] | None:
        if type(field).get_attribute is not Field.get_attribute:
            return None
        path = str(field.source)
        if path == "*":
            return field.to_representation
        if callable(getattr(self.model, path, None)):
            return None
        if type(field).to_representation is ValueField.to_representation:
            return attrgetter(path)
        return _none_or(attrgetter(path), field.to_representation)

    def _relationship(self, name: str, field: AnyField) -> Relationship:
        is_many = isinstance(field, ManyRelatedField) or hasattr(field, "child_relation")
        child = getattr(field, "child_relation", field)
        place = self._place(field, child)
        offers = self._names("filterable") if hasattr(self.meta, "filterable") else self.fields
        return Relationship(
            name=name,
            type=self._type(name, field, child, place.get("model")),
            many=is_many,
            creatable=name in self._names("creatable"),
            required=name in self._names("creatable") and field.required,
            includable=name in self.included or isinstance(child, EmptyRelatedField),
            filterable=name in offers,
            sortable=name in self._names("sortable"),
            **place,
        )

    def _type(self, name: str, field: AnyField, child: Any, model: Any) -> str:
        if name in self.included:
            included = self.included[name]
            return aliases.get(included) or str(get_resource_type_from_serializer(included))
        declared = getattr(child, "resource_name", "") or aliases.get(model)
        return declared or str(get_related_resource_type(field))

    def _place(self, field: AnyField, child: Any) -> dict[str, Any]:
        """Return where the related rows are: the arguments of :class:`Relationship`."""
        if isinstance(child, EmptyRelatedField):
            return {}
        if getattr(child, "lookup", ""):
            return {"inverse": child.lookup, "inverse_key": child.key, "scope": child.conditions}
        path = str(field.source).split(".")
        found = _foreign_key(self.model, path) if self.model else None
        if found:
            return found
        place: dict[str, Any] = {"computed": self._computed(field)}
        if self.model is not None and _is_relation(self.model, path):
            place["path"] = "__".join(path)
            place["model"] = model_meta.get_field_info(self.model).relations[path[0]].related_model
        return place

    def _computed(self, field: AnyField) -> Callable[[Sequence[Any], HttpRequest], list[list[Any]]]:
        name, path = str(field.field_name), str(field.source).replace(".", "__")

        def related(parents: Sequence[Any], request: HttpRequest) -> list[list[Any]]:
            bound = reading_serializer(self.serializer_class, {"request": request}).fields[name]
            if self.model and _is_relation(self.model, path.split("__")):
                prefetch_related_objects(list(parents), path)
            return [list(_objects(bound, parent)) for parent in parents]

        return related


#: Return the tables of a serializer class, compiled once.
tables_of: Callable[[Any], Tables] = lru_cache(maxsize=256)(Tables)


def reading_serializer(serializer_class: Any, context: Mapping[str, Any]) -> Any:
    """Return a serializer of a request for reading.

    It gets the view last: with one, the library's ``__init__`` validates ``include``, in its way.
    """
    serializer = serializer_class(context={**context, "view": None})
    serializer.context.update(context)
    return serializer


def is_relationship(field: Any) -> bool:
    """Return whether djangorestframework-jsonapi treats the field as a relationship."""
    return isinstance(field, RelatedField | ManyRelatedField)


def _none_or(get: Callable[[Any], Any], convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(row: Any) -> Any:
        value = get(row)
        return None if value is None else convert(value)

    return read


def _objects(field: Any, parent: Any) -> Iterator[Any]:
    # The related objects of one parent, as the library finds them.
    try:
        found = field.get_attribute(parent)
        if isinstance(found, PKOnlyObject):
            found = drf.get_attribute(parent, field.source_attrs)
    except (SkipField, AttributeError):
        return
    if isinstance(found, Manager):
        found = found.all()
    if isinstance(found, QuerySet | list | tuple):
        yield from found
    elif found is not None:
        yield found


def _is_column(model: type[Model], path: Sequence[str]) -> bool:
    names = {model_field.name: model_field for model_field in model._meta.concrete_fields}
    if path[0] not in names:
        return False
    if len(path) == 1:
        return names[path[0]].remote_field is None
    related = names[path[0]].related_model
    return isinstance(related, type) and _is_column(related, path[1:])


def _is_relation(model: type[Model], path: Sequence[str]) -> bool:
    return len(path) == 1 and path[0] in model_meta.get_field_info(model).relations


def _foreign_key(model: type[Model], path: Sequence[str]) -> dict[str, Any] | None:
    """Return the place of rows at the end of a foreign key, or of the reverse of one."""
    *steps, last = path
    end: Any = model
    for step in steps:
        forward = {one.name: one for one in end._meta.concrete_fields if one.remote_field}
        if step not in forward:
            return None
        end = forward[step].related_model
    forward = {one.name: one for one in end._meta.concrete_fields if one.remote_field}
    if last in forward and forward[last].target_field.primary_key:
        column = ".".join([*steps, forward[last].attname])
        return {"column": column, "model": forward[last].related_model}
    reverse = {one.get_accessor_name(): one for one in end._meta.related_objects}
    if not steps and last in reverse and not reverse[last].many_to_many:
        key = reverse[last].field
        if key.target_field.primary_key:
            return {"inverse": key.attname, "model": reverse[last].related_model}
    return None
