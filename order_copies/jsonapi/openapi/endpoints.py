"""Find the installed endpoints, which the OpenAPI document describes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from order_copies.jsonapi.offers import Offer
from order_copies.jsonapi.resources import Relationship, Resource, resource_of, views
from order_copies.jsonapi.views import ResourceViewSet

#: The actions of the dialect.
ACTIONS = {"list", "create", "retrieve", "update", "destroy", "related", "linkage"}

_NO_OFFER = Offer()
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Endpoint:
    """One method of one path, and the viewset that handles it."""

    path: str
    method: str
    action: str
    viewset: type[ResourceViewSet]
    #: Name of the relationship, or empty if the endpoint serves a resource.
    relation: str = ""

    @property
    def resource(self) -> Resource:
        """Return the resource of the viewset."""
        return resource_of(self.viewset.resource_type())

    @property
    def offer(self) -> Offer:
        """Return what the viewset declares of the action."""
        return self.viewset.offers.get(self.action, _NO_OFFER)

    @property
    def is_described(self) -> bool:
        """Return whether the dialect or an offer describes the action and its relationship."""
        if self.action not in ACTIONS:
            return self.offer.document is not None
        return not self.relation or self.relation in self.resource.relationships_by_name

    @property
    def relationship(self) -> Relationship:
        """Return the relationship that the endpoint serves."""
        return self.resource.relationships_by_name[self.relation]


def installed_endpoints(urlconf: Any = None) -> list[Endpoint]:
    """Return the resource endpoints under a URLconf (by default, the project's), sorted by path.

    If two views have the same path, include only the first: Django never calls the second.
    """
    first: dict[str, Any] = {}
    for path, view in views(urlconf):
        first.setdefault(_CONVERTER.sub(r"{\1}", path), view)
    return [endpoint for path in sorted(first) for endpoint in _endpoints(path, first[path])]


def _endpoints(path: str, view: Any) -> Iterator[Endpoint]:
    viewset = getattr(view, "cls", None)
    if isinstance(viewset, type) and issubclass(viewset, ResourceViewSet):
        relation = view.initkwargs.get("relation", "")
        # DRF adds "head" when it handles the first request.
        methods = [method for method in view.actions if method != "head"]
        for method in methods:
            endpoint = Endpoint(path, method, view.actions[method], viewset, relation)
            if endpoint.is_described:
                yield endpoint
