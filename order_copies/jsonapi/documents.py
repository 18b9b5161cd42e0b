"""Build documents out of rows: compiled from the declarations, links by concatenation."""

from collections.abc import Iterable, Sequence
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
        links = _relationship_links(self._url(resource, resource.id_of(row)), name)
        if page is None:
            return {"links": links, "data": _identifier(relationship, found)}
        members = _page_members(page)
        return members | {
            "links": links | members["links"],
            "data": [_identifier(relationship, related) for related in page.rows],
        }

    def resource(self, resource: ResourceSerializer, row: Any) -> dict[str, Any]:
        """The resource object of a row."""
        public_id = resource.id_of(row)
        url = self._url(resource, public_id)
        fields = self.query.fields.get(resource.type)
        attributes = {
            name: get(row) for name, get in resource.getters if fields is None or name in fields
        }
        relationships = {
            name: {"links": _relationship_links(url, name)}
            for name in resource.relationships_by_name
            if fields is None or name in fields
        }
        for name, relatives in self.included.related(resource, row).items():
            if name in relationships:
                relationship = resource.relationships_by_name[name]
                relationships[name]["data"] = _linkage(relationship, relatives)
        return {
            "id": public_id,
            "type": resource.type,
            "links": {"self": url},
            "attributes": attributes,
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


def _relationship_links(url: str, name: str) -> dict[str, str]:
    return {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}


def _linkage(relationship: Relationship, relatives: Sequence[Any]) -> Any:
    if relationship.many:
        return [_identifier(relationship, related) for related in relatives]
    return _identifier(relationship, relatives[0] if relatives else None)


def _identifier(relationship: Relationship, row: Any) -> dict[str, str] | None:
    if row is None:
        return None
    return {"type": relationship.type, "id": resource_of(relationship.type).id_of(row)}


def _page_members(page: Page) -> dict[str, Any]:
    meta = {} if page.meta is None else {"meta": page.meta}
    return meta | {"links": page.links}
