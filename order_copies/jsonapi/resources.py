"""Declare resources: their attributes, their relationships, and who may see which of their rows.

A resource is declared once, as a subclass of :class:`ResourceSerializer`, and registered under
its type. Everything else (documents, request bodies, sorting, includes, routes) follows.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django_filters import FilterSet

from order_copies.jsonapi.errors import RequestRefusedError, not_found
from order_copies.jsonapi.pagination import NumberedPages, Pages
from order_copies.jsonapi.storable import is_storable
from order_copies.jsonapi.values import Value

FilterSetClass = type[FilterSet]


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """A value of a resource, and what clients may do with it."""

    name: str
    value: Value = field(default_factory=Value)
    creatable: bool = False
    updatable: bool = False
    filterable: bool = False
    sortable: bool = False
    #: How a row gives the value, if not by its attribute of the same name.
    get: Callable[[Any], Any] | None = None
    #: Where the database has it, to sort and filter by; by default under the same name.
    column: str = ""
    #: Whether documents have it only where ``fields[type]`` names it.
    on_request: bool = False
    #: What it means, and a value that it may have, for the OpenAPI document.
    description: str | Promise = ""
    example: Any = None

    @property
    def getter(self) -> Callable[[Any], Any]:
        """What makes the document's value out of a row."""
        get, write = self.get or attrgetter(self.name), self.value.write
        if type(self.value).write is Value.write:
            return get
        return lambda row: write(get(row))


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """An attribute that is never told: to send it as true makes the resource do something.

    ``scope`` is the scope of a token that it takes.
    """

    name: str
    scope: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Relationship:
    """A link from a resource to one or many others.

    The related rows are found by ``column``, the row's own attribute with the key of the one
    related row, or by ``inverse``, the related rows' attribute with the row's key. A relationship
    with neither leads nowhere for now: null or empty.
    """

    name: str
    type: str
    many: bool = False
    creatable: bool = False
    required: bool = False
    includable: bool = True
    filterable: bool = False
    sortable: bool = False
    column: str = ""
    inverse: str = ""
    #: What ``inverse`` holds, if not the key itself.
    inverse_key: Callable[[Any], Any] | None = None
    #: What else the related rows have in common.
    scope: Mapping[str, Any] = field(default_factory=dict)

    @property
    def leads_nowhere(self) -> bool:
        """Whether there is nothing to relate to yet."""
        return not (self.column or self.inverse)

    @property
    def offers_filters(self) -> bool:
        """Whether filters may follow it: it is declared so, and leads somewhere."""
        return self.filterable and not self.leads_nowhere

    def key_in(self, row: Model) -> Any:
        """What the related rows of ``row`` are recognized by."""
        key = attrgetter(self.column or "pk")(row)
        return self.inverse_key(key) if self.inverse_key else key

    @cached_property
    def key_of(self) -> Callable[[Model], Any]:
        """What a related row is recognized by: the counterpart of :meth:`key_in`."""
        return attrgetter(self.inverse.replace("__", ".") or "pk")

    def rows(self, request: HttpRequest, parents: Iterable[Model]) -> "QuerySet[Any]":
        """The related rows of ``parents`` that the client may see."""
        keys = {self.key_in(parent) for parent in parents} - {None}
        related = resource_of(self.type).rows(request)
        return related.filter(**{f"{self.inverse or 'pk'}__in": keys}, **self.scope)


class ResourceSerializer(ABC):
    """A resource, declared once. Subclass it, and register the subclass.

    Attributes and relationships stand in documents in the order of their declaration.
    """

    pages: ClassVar[type[Pages]] = NumberedPages
    type: ClassVar[str]
    #: What public ids look like (a regular expression of ECMA 262), and one of them.
    id_pattern: ClassVar[str] = "^[^/]+$"
    id_example: ClassVar[str] = "XAyRWNUzyN"
    attributes: ClassVar[Sequence[Attribute]] = ()
    relationships: ClassVar[Sequence[Relationship]] = ()
    triggers: ClassVar[Sequence[Trigger]] = ()
    #: A filter set with plain filters besides those that the declarations imply.
    filterset_class: ClassVar[FilterSetClass] = FilterSet

    @abstractmethod
    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The rows that the client may see. The only place that decides it."""

    def id_of(self, row: Any) -> str:
        """The public id of a row."""
        return self.id_for(row.pk)

    def id_for(self, key: Any) -> str:
        """The public id of the row with this key, which may come as text."""
        raise NotImplementedError

    @abstractmethod
    def key_of(self, public_id: str) -> Any:
        """The primary key that a public id stands for, or None where it stands for none."""

    def find(self, request: HttpRequest, public_id: str) -> Any:
        """The row with this id. A row that the client may not see is not found either."""
        key = self.key_of(public_id) if is_storable(public_id) else None
        row = None if key is None else self.rows(request).filter(pk=key).first()
        if row is None:
            raise RequestRefusedError(not_found())
        return row

    @cached_property
    def attributes_by_name(self) -> dict[str, Attribute]:
        """The attributes, by name."""
        return {attribute.name: attribute for attribute in self.attributes}

    @cached_property
    def relationships_by_name(self) -> dict[str, Relationship]:
        """The relationships, by name."""
        return {relationship.name: relationship for relationship in self.relationships}

    @cached_property
    def triggers_by_name(self) -> dict[str, Trigger]:
        """The triggers, by name."""
        return {trigger.name: trigger for trigger in self.triggers}

    @cached_property
    def field_names(self) -> list[str]:
        """What ``fields[type]`` can name."""
        return ["id", *self.attributes_by_name, *self.relationships_by_name]

    @cached_property
    def told_unasked(self) -> frozenset[str]:
        """The attributes and relationships of a document whose request names no fields."""
        attributes = (attribute.name for attribute in self.attributes if not attribute.on_request)
        return frozenset([*attributes, *self.relationships_by_name])

    @cached_property
    def getters(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """How each attribute is got from a row, worked out once."""
        return [(attribute.name, attribute.getter) for attribute in self.attributes]


Declared = TypeVar("Declared", bound=type[ResourceSerializer])

_resources: dict[str, ResourceSerializer] = {}


def register(declared: Declared) -> Declared:
    """Register a resource under its type, in place of what was registered before."""
    _resources[declared.type] = declared()
    return declared


def register_fallback(declared: Declared) -> Declared:
    """Register a resource under its type, unless a shop has registered its own."""
    _resources.setdefault(declared.type, declared())
    return declared


def resource_of(resource_type: str) -> ResourceSerializer:
    """The resource of this type. Raises ``KeyError`` where there is none."""
    return _resources[resource_type]


def registered() -> list[ResourceSerializer]:
    """All resources."""
    return list(_resources.values())


def named_only() -> set[str]:
    """The types that only relationships name: nothing else is known of them."""
    named = {it.type for resource in registered() for it in resource.relationships}
    return named - set(_resources)
