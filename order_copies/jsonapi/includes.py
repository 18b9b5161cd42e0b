"""Load the resources of ``include``, with one query per relationship."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F, QuerySet

from order_copies.jsonapi.errors import refused
from order_copies.jsonapi.queries import IncludeTree
from order_copies.jsonapi.resources import (
    Relationship,
    Resource,
    computed_keys,
    resource_of,
    rows_of,
    rows_through,
)

#: The maximum number of resources that a relationship adds to a document, each of some 2 KB.
MAX_INCLUDED = 2000

#: The type and the primary key of a resource.
Identity = tuple[str, Any]


class Included:
    """The included resources of a document, and their relationships."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.context = context
        self._related: dict[Identity, dict[str, list[Any]]] = {}
        self._rows: dict[Identity, tuple[Resource, Any]] = {}

    def load(self, resource: Resource, rows: Sequence[Any], tree: IncludeTree) -> None:
        """Load the related rows of ``rows`` and, along the tree, those of the related rows."""
        for name, branches in tree.items():
            relationship = resource.relationships_by_name[name]
            found, by_row = self._load(relationship, rows)
            for row, related in zip(rows, by_row, strict=True):
                self._related.setdefault((resource.type, row.pk), {})[name] = related
            if found:
                related_resource = resource_of(relationship.type)
                for row in found:
                    identity = (related_resource.type, row.pk)
                    self._rows.setdefault(identity, (related_resource, row))
                self.load(related_resource, found, branches)

    def related(self, resource: Resource, row: Any) -> dict[str, list[Any]]:
        """Return the included rows related to a row, by relationship."""
        return self._related.get((resource.type, row.pk), {})

    def without(self, resource: Resource, rows: Iterable[Any]) -> Iterator[tuple[Resource, Any]]:
        """Yield the included rows that are not among the primary ``rows`` of the document."""
        primary = {(resource.type, row.pk) for row in rows}
        for identity, (included, row) in self._rows.items():
            if identity not in primary:
                yield included, row

    def _load(
        self, relationship: Relationship, rows: Sequence[Any]
    ) -> tuple[list[Any], list[list[Any]]]:
        """Return the related rows of all rows, and those of each."""
        if relationship.column or relationship.inverse:
            return self._by_key(relationship, rows)
        found, keys = self._by_object(relationship, rows)
        by_key = {row.pk: [row] for row in found}
        return found, [[row for key in some for row in by_key.get(key, [])] for some in keys]

    def _by_key(
        self, relationship: Relationship, rows: Sequence[Any]
    ) -> tuple[list[Any], list[list[Any]]]:
        parents = [relationship.key_in(row) for row in rows]
        rows_of_all = rows_of(relationship, self.context["request"], set(parents) - {None})
        # A row has one parent, or is found once for each: the lookup may lead to many rows.
        with_keys = rows_of_all.annotate(key_of_parent=F(relationship.inverse or "pk"))
        found = _limited(relationship, with_keys.order_by("pk"))
        by_parent: dict[Any, list[Any]] = {}
        for row in found:
            by_parent.setdefault(row.key_of_parent, []).append(row)
        return found, [by_parent.get(key, []) for key in parents]

    def _by_object(
        self, relationship: Relationship, rows: Sequence[Any]
    ) -> tuple[list[Any], list[list[Any]]]:
        # The related rows, and the keys of those of each row.
        if relationship.computed:
            keys = computed_keys(relationship, relationship.computed(rows, self.context))
        else:
            path = f"{relationship.path}__pk"
            pairs = rows_through(relationship, rows).order_by(path).values_list("pk", path)
            by_parent: dict[Any, list[Any]] = {}
            for parent, key in _limited(relationship, pairs):
                by_parent.setdefault(parent, []).append(key)
            keys = [by_parent.get(row.pk, []) for row in rows]
        every_key = {key for some in keys for key in some}
        related = rows_of(relationship, self.context["request"], every_key)
        return _limited(relationship, related.order_by("pk")), keys


def _limited(relationship: Relationship, rows: "QuerySet[Any]") -> list[Any]:
    """Return the rows. Raises :class:`RequestRefusedError` if there are too many."""
    found = list(rows[: MAX_INCLUDED + 1])
    if len(found) > MAX_INCLUDED:
        detail = (
            f"{relationship.name} leads to more than {MAX_INCLUDED} resources: "
            "ask for a smaller page[size], or for the list of them."
        )
        raise refused("INVALID_INCLUDE", detail)
    return found
