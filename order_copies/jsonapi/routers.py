"""The router of resources. It names each relationship in a route of its own.

The library's own route for related resources takes any name and calls the attribute of the model
with that name: in its 8.1.0 ``GET /orders/{id}/delete`` deletes the order.
"""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, path, re_path
from rest_framework.routers import BaseRouter

from order_copies.jsonapi.base_views import NotFoundView
from order_copies.jsonapi.compiler import tables_of
from order_copies.jsonapi.views import ResourceViewSet

_COLLECTION = {"get": "list", "post": "create"}
_ITEM = {"get": "retrieve", "patch": "update", "delete": "destroy"}


class Router(BaseRouter):
    """A DRF router without slashes at the end, and with the routes of relationships.

    It routes each ``@action`` of a viewset too.
    """

    def register(self, prefix: str, viewset: Any, basename: str | None = None) -> None:
        """Register a viewset. The prefix is the type of its resource: links are built from it."""
        if prefix != viewset.resource_type():
            message = f"{viewset.__name__} serves {viewset.resource_type()}, not {prefix}."
            raise ValueError(message)
        super().register(prefix, viewset, basename)

    def get_default_basename(self, viewset: type[ResourceViewSet]) -> str:  # type: ignore[override]
        """Return the type of the resource."""
        return viewset.resource_type()

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return the routes of all registered viewsets."""
        return [
            route
            for prefix, viewset, basename in self.registry
            for route in _routes(prefix, viewset, basename)
        ]


def unknown_paths() -> URLPattern:
    """Return the route of all paths that are no endpoint. Include it last."""
    return re_path("", NotFoundView.as_view())


def _routes(prefix: str, viewset: Any, basename: str) -> Iterator[URLPattern]:
    one = f"{prefix}/<str:{viewset.lookup_url_kwarg}>"
    collection, item = _offered(viewset, _COLLECTION), _offered(viewset, _ITEM)
    if collection:
        yield path(prefix, viewset.as_view(collection), name=f"{basename}-list")
    # Before the route of ids: an action of the collection is no id.
    for action in viewset.get_extra_actions():
        where, segments = (one, 3) if action.detail else (prefix, 2)
        view = viewset.as_view(dict(action.mapping), segments=segments, **action.kwargs)
        yield path(f"{where}/{action.url_path}", view, name=f"{basename}-{action.url_name}")
    yield path(one, viewset.as_view(item, segments=2), name=f"{basename}-detail")
    for relationship in tables_of(viewset.serializer_class).relationships:
        name = relationship.name
        related = viewset.as_view({"get": "related"}, relation=name, segments=3)
        linkage = viewset.as_view({"get": "linkage"}, relation=name, segments=4)
        yield path(f"{one}/{name}", related)
        yield path(f"{one}/relationships/{name}", linkage)


def _offered(viewset: type[ResourceViewSet], actions: dict[str, str]) -> dict[str, Any]:
    return {method: action for method, action in actions.items() if hasattr(viewset, action)}
