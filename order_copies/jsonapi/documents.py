"""Build documents out of rows: compiled from the declarations, links by concatenation."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from order_copies.jsonapi.includes import Included
from order_copies.jsonapi.pagination import Page
from order_copies.jsonapi.queries import Query
from order_copies.jsonapi.resources import Relationship, ResourceSerializer, resource_of


class Documents:
    """Builds the documents of one request.

    ``base_url`` is where the API begins, without a slash at its end; ``meta`` is that of every
    resource.
    """

    def __init__(
        self, base_url: str, meta: dict[str, str], query: Query, included: Included
    ) -> None:
        self.base_url = base_url
        self.meta = meta
        self.query = query
        self.included = included

    def one(self, resource: ResourceSerializer, row: Any | None) -> dict[str, Any]:
        """The document of one resource, or of none."""
        rows = [] if row is None else [row]
        document: dict[str, Any] = {"data": None if row is None else self.resource(resource, row)}
        return document | self._included(resource, rows)

    def many(self, resource: ResourceSerializer, page: Page) -> dict[str, Any]:
        """The document of a page."""
        document: dict[str, Any] = {"data": [self.resource(resource, row) for row in page.rows]}
        return document | self._included(resource, page.rows) | _page_members(page)

    def linkage(
        self, resource: ResourceSerializer, row: Any, name: str, page: Page | None, found: Any
    ) -> dict[str, Any]:
        """The document of a relationship: identifiers only.

        ``page`` is that of a relationship to many, ``found`` the row of a relationship to one.
        """
        relationship = resource.relationships_by_name[name]
        url = self._url(resource, resource.id_of(row))
        links = {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}
        if page is None:
            rows = [] if found is None else [found]
            return {"links": links, "data": _linkage(relationship, rows)}
        members = _page_members(page)
        return members | {
            "links": links | members["links"],
            "data": _linkage(relationship, page.rows),
        }

    def resource(self, resource: ResourceSerializer, row: Any) -> dict[str, Any]:
        """The resource object of a row."""
        fields = self.query.fields.get(resource.type, resource.told_unasked)
        outline = _outline(resource, fields)
        public_id = resource.id_of(row)
        url = self._url(resource, public_id)
        relationships = outline.relationships(url)
        for name, relatives in self.included.related(resource, row).items():
            relationship = resource.relationships_by_name[name]
            relationships[name]["data"] = _linkage(relationship, relatives)
        return {
            "id": public_id,
            "type": resource.type,
            "links": {"self": url},
            "attributes": outline.attributes(row),
            "relationships": relationships,
            "meta": self.meta,
        }

    def _url(self, resource: ResourceSerializer, public_id: str) -> str:
        return f"{self.base_url}/{resource.type}/{quote(public_id, safe='')}"

    def _included(self, resource: ResourceSerializer, rows: Iterable[Any]) -> dict[str, Any]:
        if not self.query.include:
            return {}
        included = self.included.besides(resource, rows)
        return {"included": [self.resource(related, row) for related, row in included]}


class _Outline:
    """What stands in every resource of one type, if these fields are asked for."""

    def __init__(self, resource: ResourceSerializer, fields: frozenset[str]) -> None:
        self.getters = [(name, get) for name, get in resource.getters if name in fields]
        self.paths = [
            (name, f"/relationships/{name}", f"/{name}")
            for name in resource.relationships_by_name
            if name in fields
        ]

    def attributes(self, row: Any) -> dict[str, Any]:
        """The attributes of a row."""
        return {name: get(row) for name, get in self.getters}

    def relationships(self, url: str) -> dict[str, dict[str, Any]]:
        """The relationships, with links only, of the resource with this address."""
        return {
            name: {"links": {"self": url + linkage, "related": url + related}}
            for name, linkage, related in self.paths
        }


# Worked out once; bounded, because clients choose the fields.
_outline = lru_cache(maxsize=1024)(_Outline)


def _linkage(relationship: Relationship, relatives: Sequence[Any]) -> Any:
    identifiers = _identifiers(relationship, relatives)
    if relationship.many:
        return identifiers
    return identifiers[0] if identifiers else None


def _identifiers(relationship: Relationship, rows: Iterable[Any]) -> list[dict[str, str]]:
    if relationship.leads_nowhere:
        return []
    id_of = resource_of(relationship.type).id_of
    return [{"type": relationship.type, "id": id_of(row)} for row in rows]


def _page_members(page: Page) -> dict[str, Any]:
    meta = {} if page.meta is None else {"meta": page.meta}
    return meta | {"links": page.links}
