"""Compile a serializer class into tables: its attributes, relationships and triggers.

The fields of the dialect, and those of DRF that need no request, become functions from a row to a
value. All other fields are read through a serializer of the request: see :mod:`.documents`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Self

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Manager, Model, QuerySet
from rest_framework import fields as drf
from rest_framework.relations import (
    HyperlinkedIdentityField,
    ManyRelatedField,
    PKOnlyObject,
    RelatedField,
    SlugRelatedField,
    StringRelatedField,
)
from rest_framework.utils import model_meta
from rest_framework_json_api.utils import (
    get_related_resource_type,
    get_resource_type_from_serializer,
)

from order_copies.conf import SettingError
from order_copies.jsonapi.fields import (
    IDField,
    PrimaryKeyIDField,
    TriggerField,
    ValueField,
    counterpart,
)
from order_copies.jsonapi.relations import ResourceRelatedField

#: The packages whose serializers behave as documented. Other packages may have similar names.
PACKAGES = ("rest_framework.", "rest_framework_json_api.", "order_copies.")

#: DRF's fields that may use the request or the serializer, and are read through one.
_NEED_A_SERIALIZER = (drf.SerializerMethodField, drf.HiddenField, drf.FileField, drf.ModelField)
#: DRF's relational fields that represent a related row as text: attributes, not relationships.
_TEXTS = (StringRelatedField, SlugRelatedField)


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """An attribute, and what clients can do with it."""

    name: str
    #: The serializer's field, and the field of the dialect that describes its values.
    declared: Any
    field: ValueField
    creatable: bool
    updatable: bool
    filterable: bool
    sortable: bool
    #: Whether documents contain it only if ``fields[type]`` names it.
    on_request: bool
    #: The path of lookups to its column; empty if it has none.
    column: str
    #: Return the value of a row. None: only a serializer with the request can do it.
    get: Callable[[Any], Any] | None


@dataclass(frozen=True, kw_only=True)
class Relationship:
    """A relationship to one or many other resources.

    The related rows are found by ``column``, the attribute of the row with the key of the related
    row; by ``inverse``, the lookup of related rows that yields the key of the row; by both, where
    the lookup yields that attribute; by ``path``, the lookups from the row to the related rows; or,
    if a method of the serializer knows them, by ``computed``.
    """

    name: str
    type: str
    many: bool
    creatable: bool
    updatable: bool
    required: bool
    includable: bool
    filterable: bool
    sortable: bool
    column: str = ""
    inverse: str = ""
    #: Converts the key of a row into the value of ``inverse``.
    inverse_key: Callable[[Any], Any] | None = None
    #: Further lookups of the related rows.
    scope: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    #: Return the related objects of each row, with the context of serializers.
    computed: Callable[[Sequence[Any], Mapping[str, Any]], list[list[Any]]] | None = None
    #: The model of the related rows, if the relationship is one of the model.
    model: Any = None
    #: The included serializer.
    serializer_class: Any = None
    #: Whether the type is declared; otherwise it is the name of the model.
    has_type: bool = True

    @property
    def offers_filters(self) -> bool:
        """Whether filters can follow the relationship."""
        return self.filterable and bool(self.column or self.inverse)

    def key_in(self, row: Model) -> Any:
        """Return the key that the related rows of ``row`` have in common."""
        try:
            key = attrgetter(self.column or "pk")(row)
        except (AttributeError, ObjectDoesNotExist):
            # The path to the column leads through a foreign key that is null.
            return None
        if key in (None, ""):
            return None
        return self.inverse_key(key) if self.inverse_key else key


class Tables:
    """What a serializer class declares."""

    def __init__(self, serializer_class: Any) -> None:
        self.serializer_class = serializer_class
        self.meta = getattr(serializer_class, "Meta", None)
        self.model: Any = getattr(self.meta, "model", None)
        self.included = getattr(serializer_class, "included_serializers", {})
        try:
            self._compile()
        except Exception as error:
            message = f"{serializer_class} cannot be compiled, without a request: {error!r}"
            raise SettingError(message) from error

    def __deepcopy__(self, memo: Any) -> Self:
        # Filter sets copy their filters for each request.
        return self

    def _compile(self) -> None:
        self.fields: dict[str, Any] = self.serializer_class().fields
        # An identity field is the library's way to ``links.self``, which every resource has.
        fields = {
            name: it
            for name, it in self.fields.items()
            if name != "id" and not isinstance(it, HyperlinkedIdentityField)
        }
        #: The triggers by name.
        self.triggers = {name: it for name, it in fields.items() if isinstance(it, TriggerField)}
        self.relationships_by_name = {
            name: self._relationship(name, it)
            for name, it in fields.items()
            if self._is_related(name, it) and not it.write_only
        }
        self.attributes_by_name = {
            name: self._attribute(name, it)
            for name, it in fields.items()
            if not self._is_related(name, it) and name not in self.triggers
        }
        self.attributes = list(self.attributes_by_name.values())
        self.relationships = list(self.relationships_by_name.values())

    @cached_property
    def id_field(self) -> IDField:
        """The field of public ids: the declared one, or the primary key."""
        declared = self.fields.get("id")
        if isinstance(declared, IDField):
            return declared
        assert self.model is not None, f"{self.serializer_class} needs an IDField or a model."
        return PrimaryKeyIDField(self.model)

    @cached_property
    def readable(self) -> list[Attribute]:
        """The attributes that documents can contain."""
        return [attribute for attribute in self.attributes if not attribute.declared.write_only]

    @cached_property
    def field_names(self) -> list[str]:
        """The names that ``fields[type]`` accepts."""
        return ["id", *(it.name for it in self.readable), *self.relationships_by_name]

    @cached_property
    def default_names(self) -> frozenset[str]:
        """The attributes and relationships of documents without ``fields[type]``."""
        attributes = (attribute.name for attribute in self.readable if not attribute.on_request)
        return frozenset([*attributes, *self.relationships_by_name])

    @property
    def represents_itself(self) -> bool:
        """Whether the class has a ``to_representation`` of the shop's own."""
        own = self.serializer_class.to_representation
        return not own.__module__.startswith(PACKAGES)

    def _is_related(self, name: str, declared: Any) -> bool:
        # The text of a related row is an attribute, unless the row can be included.
        child = getattr(declared, "child_relation", declared)
        is_text = isinstance(child, _TEXTS) and name not in self.included
        return isinstance(declared, RelatedField | ManyRelatedField) and not is_text

    def _names(self, option: str, default: Any = ()) -> Any:
        return getattr(self.meta, option, default)

    def _attribute(self, name: str, declared: Any) -> Attribute:
        path = "" if declared.source == "*" else str(declared.source).replace(".", "__")
        model_field = _model_field(self.model, path)
        is_column = model_field is not None and model_field.remote_field is None
        value_field = counterpart(declared, model_field if is_column else None)
        by_default = [name] if is_column and not declared.write_only else []
        # A field of the dialect may stand for an annotation of the queryset, but for no property.
        is_annotation = isinstance(declared, ValueField) and not hasattr(self.model, path or "pk")
        has_column = is_column or is_annotation
        # The library's relational fields find rows that the client may not see.
        is_settable = not isinstance(declared, RelatedField | ManyRelatedField)
        kind = counterpart(None, model_field) if is_column else value_field
        filterable = (
            has_column
            and name in self._names("filterable", by_default)
            and bool(value_field.comparisons)
            and value_field.comparisons <= kind.comparisons
        )
        return Attribute(
            name=name,
            declared=declared,
            field=value_field,
            creatable=is_settable and name in self._names("creatable"),
            updatable=is_settable and name in self._names("updatable"),
            filterable=filterable,
            sortable=has_column and name in self._names("sortable", by_default),
            on_request=name in self._names("on_request"),
            column=path if has_column else "",
            get=self._getter(declared, path, is_column=is_column),
        )

    def _getter(self, declared: Any, path: str, *, is_column: bool) -> Callable[[Any], Any] | None:
        convert = declared.to_representation
        if isinstance(declared, ValueField):
            # It may have the source of an annotation or a property, but a method needs a call.
            is_value = "__" not in path and not callable(getattr(self.model, path or "pk", None))
            is_fast = is_column or is_value
        else:
            is_stock = type(declared).__module__ == drf.__name__ and not hasattr(declared, "child")
            is_fast = is_stock and is_column and not isinstance(declared, _NEED_A_SERIALIZER)
        is_plain = type(declared).get_attribute is drf.Field.get_attribute
        if self.represents_itself or not (is_fast and is_plain):
            return None
        if not path:
            return convert  # type: ignore[no-any-return]
        get = attrgetter(path)
        if "__" in path:
            get = _safe(attrgetter(path.replace("__", ".")))
        if type(declared).to_representation is ValueField.to_representation:
            return get
        return _none_or(get, convert)

    def _relationship(self, name: str, declared: Any) -> Relationship:
        child = getattr(declared, "child_relation", declared)
        place = self._place(declared, child)
        is_settable = isinstance(declared, ResourceRelatedField)
        creatable = is_settable and name in self._names("creatable")
        included = self.included.get(name)
        known = getattr(child, "resource_name", "")
        if included:
            known = str(get_resource_type_from_serializer(included))
        return Relationship(
            name=name,
            type=known or str(get_related_resource_type(declared)),
            has_type=bool(known),
            serializer_class=included,
            many=child is not declared,
            creatable=creatable,
            updatable=is_settable and name in self._names("updatable"),
            required=creatable and declared.required,
            includable=included is not None,
            filterable=name in self._names("filterable", self.fields),
            sortable=name in self._names("sortable") and bool(place.get("column")),
            **place,
        )

    def _place(self, declared: Any, child: Any) -> dict[str, Any]:
        # Where the related rows are: the last arguments of Relationship.
        if getattr(child, "lookup", ""):
            return {
                "column": child.column,
                "inverse": child.lookup,
                "inverse_key": child.key,
                "scope": child.conditions,
            }
        path = str(declared.source).replace(".", "__")
        key = _model_field(self.model, path)
        if key is not None and key.remote_field:
            place = {"path": path, "model": key.related_model}
            if key.target_field.primary_key:
                place["column"] = f"{declared.source[: -len(key.name)]}{key.attname}"
            return place
        relations = model_meta.get_field_info(self.model).relations if self.model else {}
        if path not in relations:
            return {"computed": self._computed(declared)}
        reverse = {one.get_accessor_name(): one for one in self.model._meta.related_objects}
        place = {"path": path, "model": relations[path].related_model}
        if path in reverse:
            place["path"] = reverse[path].name
            key = reverse[path].field
            if not reverse[path].many_to_many and key.target_field.primary_key:
                place["inverse"] = key.attname
        return place

    def _computed(self, declared: Any) -> Any:
        def related(parents: Sequence[Any], context: Mapping[str, Any]) -> list[list[Any]]:
            serializer = reading_serializer(self.serializer_class, context)
            bound = serializer.fields[declared.field_name]
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


def _none_or(get: Callable[[Any], Any], convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(row: Any) -> Any:
        value = get(row)
        return None if value is None else convert(value)

    return read


def _safe(get: Callable[[Any], Any]) -> Any:
    # The path may lead through a foreign key that is null.
    def read(row: Any) -> Any:
        try:
            return get(row)
        except (AttributeError, ObjectDoesNotExist):
            return None

    return read


def _objects(bound: Any, parent: Any) -> Iterator[Any]:
    # The related objects of one parent, as the library finds them.
    try:
        found = bound.get_attribute(parent)
        if isinstance(found, PKOnlyObject):
            found = drf.get_attribute(parent, bound.source_attrs)
    except (drf.SkipField, ObjectDoesNotExist):
        return
    if isinstance(found, Manager):
        found = found.all()
    if isinstance(found, QuerySet | list | tuple):
        yield from found
    elif found is not None:
        yield found


def _model_field(model: Any, path: str) -> Any:
    """Return the concrete field at the end of a path over foreign keys, or None."""
    first, _separator, rest = path.partition("__")
    fields = {one.name: one for one in model._meta.concrete_fields} if model and path else {}
    found = fields.get(first)
    return _model_field(found.related_model, rest) if found is not None and rest else found
