"""Build documents from rows. Each resource is compiled once per set of fields.

The library's renderer takes 6 to 7 times as long: it builds a serializer for each included row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from rest_framework.fields import SkipField
from rest_framework.relations import PKOnlyObject

from order_copies.jsonapi.compiler import reading_serializer
from order_copies.jsonapi.includes import Included
from order_copies.jsonapi.queries import Query
from order_copies.jsonapi.resources import Relationship, Resource, resources

#: Fields that a serializer of the request reads, by name.
Values = Mapping[str, Any]


class Documents:
    """A builder of the documents of one request.

    ``base_url``: the URL of the API, without a slash at the end. ``meta``: the ``meta`` of each
    resource. ``context``: the context of serializers, for fields that need one.
    """

    def __init__(
        self,
        base_url: str,
        meta: dict[str, str],
        query: Query,
        included: Included,
        context: Mapping[str, Any],
    ) -> None:
        self.base_url = base_url
        self.meta = meta
        self.query = query
        self.included = included
        self.context = context
        self._resources = resources()
        self._outlines: dict[str, tuple[_Outline, Callable[[Any], Values] | None]] = {}

    def one(self, resource: Resource, row: Any | None) -> dict[str, Any]:
        """Return the document of one row, or of none."""
        rows = [] if row is None else [row]
        document: dict[str, Any] = {"data": None if row is None else self.resource(resource, row)}
        return document | self._included(resource, rows)

    def many(self, resource: Resource, rows: Sequence[Any]) -> dict[str, Any]:
        """Return the document of many rows."""
        document: dict[str, Any] = {"data": [self.resource(resource, row) for row in rows]}
        return document | self._included(resource, rows)

    def linkage(
        self, resource: Resource, row: Any, relationship: Relationship, related: Sequence[Any]
    ) -> dict[str, Any]:
        """Return the document of a relationship, with the identifiers of the related rows."""
        url, name = self._url(resource, resource.id_field.id_of(row)), relationship.name
        return {
            "links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"},
            "data": self._linkage(relationship, related),
        }

    def resource(self, resource: Resource, row: Any) -> dict[str, Any]:
        """Return the resource object of a row."""
        outline, read = self._outlines.get(resource.type) or self._outline(resource)
        public_id = resource.id_field.id_of(row)
        url = self._url(resource, public_id)
        relationships = outline.relationships(url)
        for name, related in self.included.related(resource, row).items():
            relationship = resource.relationships_by_name[name]
            relationships[name]["data"] = self._linkage(relationship, related)
        return {
            "id": public_id,
            "type": resource.type,
            "links": {"self": url},
            "attributes": outline.attributes(row, read),
            "relationships": relationships,
            "meta": self.meta,
        }

    def _outline(self, resource: Resource) -> tuple["_Outline", Callable[[Any], Values] | None]:
        names = self.query.fields.get(resource.type, resource.default_names)
        outline = _outline(resource, names)
        # One serializer per request and type: its fields may use the request.
        needs_one = outline.needs_serializer
        read = _Reader(resource, names, self.context) if needs_one else None
        self._outlines[resource.type] = outline, read
        return outline, read

    def _url(self, resource: Resource, public_id: str) -> str:
        is_plain = public_id.isascii() and public_id.isalnum()
        in_url = public_id if is_plain else quote(public_id, safe="")
        return f"{self.base_url}/{resource.type}/{in_url}"

    def _included(self, resource: Resource, rows: Iterable[Any]) -> dict[str, Any]:
        if not self.query.include:
            return {}
        included = self.included.without(resource, rows)
        return {"included": [self.resource(related, row) for related, row in included]}

    def _linkage(self, relationship: Relationship, rows: Sequence[Any]) -> Any:
        identifiers: list[dict[str, str]] = []
        if rows:
            id_of = self._resources[relationship.type].id_field.id_of
            identifiers = [{"type": relationship.type, "id": id_of(row)} for row in rows]
        if relationship.many:
            return identifiers
        return identifiers[0] if identifiers else None


class _Outline:
    """The members of each resource of one type, for one set of fields."""

    def __init__(self, resource: Resource, names: frozenset[str]) -> None:
        self.getters = [(one.name, one.get) for one in resource.readable if one.name in names]
        self.needs_serializer = any(get is None for _name, get in self.getters)
        self.paths = [
            (name, f"/relationships/{name}", f"/{name}")
            for name in resource.relationships_by_name
            if name in names
        ]

    def attributes(self, row: Any, read: Callable[[Any], Values] | None) -> dict[str, Any]:
        """Return the attributes of a row."""
        if read is None:
            return {name: get(row) for name, get in self.getters}  # type: ignore[misc]
        values = read(row)
        return {
            name: get(row) if get else values[name]
            for name, get in self.getters
            if get or name in values
        }

    def relationships(self, url: str) -> dict[str, dict[str, Any]]:
        """Return the relationships of the resource with this URL, with links only."""
        return {
            name: {"links": {"self": url + linkage, "related": url + related}}
            for name, linkage, related in self.paths
        }


# Bounded, because clients choose the fields.
_outline = lru_cache(maxsize=1024)(_Outline)


class _Reader:
    """Read the fields of a row that only a serializer with the request can represent."""

    def __init__(
        self, resource: Resource, names: frozenset[str], context: Mapping[str, Any]
    ) -> None:
        serializer = reading_serializer(resource.serializer_class, context)
        self.represent = serializer.to_representation if resource.represents_itself else None
        self.fields = [
            serializer.fields[one.name]
            for one in resource.readable
            if one.get is None and one.name in names
        ]

    def __call__(self, row: Any) -> Values:
        if self.represent:
            represented: Values = self.represent(row)
            return represented
        values = {}
        for field in self.fields:
            try:
                value = field.get_attribute(row)
            except SkipField:
                continue
            key = value.pk if isinstance(value, PKOnlyObject) else value
            values[field.field_name] = None if key is None else field.to_representation(value)
        return values
