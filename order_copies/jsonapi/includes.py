"""Find the resources that a request wants included: one query a relationship, however many rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpRequest

from order_copies.jsonapi.errors import INVALID_INCLUDE, refused
from order_copies.jsonapi.queries import IncludeTree
from order_copies.jsonapi.resources import Relationship, ResourceSerializer, resource_of

#: How many resources a relationship may add to a document, which takes some 2 KB for each.
MAX_INCLUDED = 2000

#: A resource is known by its type and key.
Identity = tuple[str, Any]


class Included:
    """What a document includes, and how its resources hang together."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._related: dict[Identity, dict[str, list[Any]]] = {}
        self._rows: dict[Identity, tuple[ResourceSerializer, Any]] = {}

    def load(self, resource: ResourceSerializer, rows: Sequence[Any], tree: IncludeTree) -> None:
        """Find the relatives of ``rows``, and theirs, as the tree says."""
        for name, branches in tree.items():
            relationship = resource.relationships_by_name[name]
            found = list(_related_rows(self.request, relationship, rows))
            self._relate(resource, relationship, rows, found)
            if found:
                related = resource_of(relationship.type)
                for row in found:
                    self._rows.setdefault((related.type, row.pk), (related, row))
                self.load(related, found, branches)

    def related(self, resource: ResourceSerializer, row: Any) -> dict[str, list[Any]]:
        """The included relatives of a row, by the name of the relationship."""
        return self._related.get((resource.type, row.pk), {})

    def besides(
        self, resource: ResourceSerializer, rows: Iterable[Any]
    ) -> Iterator[tuple[ResourceSerializer, Any]]:
        """All that is included, without what stands in the document already."""
        primary = {(resource.type, row.pk) for row in rows}
        for identity, (included, row) in self._rows.items():
            if identity not in primary:
                yield included, row

    def _relate(
        self,
        resource: ResourceSerializer,
        relationship: Relationship,
        rows: Sequence[Any],
        found: Sequence[Any],
    ) -> None:
        by_key: dict[Any, list[Any]] = {}
        for row in found:
            by_key.setdefault(relationship.key_of(row), []).append(row)
        for row in rows:
            relatives = self._related.setdefault((resource.type, row.pk), {})
            key = None if relationship.leads_nowhere else relationship.key_in(row)
            relatives[relationship.name] = by_key.get(key, [])


def _related_rows(
    request: HttpRequest, relationship: Relationship, rows: Sequence[Any]
) -> Iterable[Any]:
    if relationship.leads_nowhere:
        return []
    found = list(relationship.rows(request, rows).order_by("pk")[: MAX_INCLUDED + 1])
    if len(found) > MAX_INCLUDED:
        detail = (
            f"{relationship.name} leads to more than {MAX_INCLUDED} resources: "
            "ask for a smaller page[size], or for the list of them."
        )
        raise refused(INVALID_INCLUDE, "Invalid include", detail)
    return found
