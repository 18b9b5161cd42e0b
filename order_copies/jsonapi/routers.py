"""Routes of resources, each relationship named literally: no name in a URL is ever looked up."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path, re_path

from order_copies.jsonapi.api_views import NotFoundView
from order_copies.jsonapi.resources import resource_of
from order_copies.jsonapi.views import ResourceViewSet

_COLLECTION = {"get": "list", "post": "create"}
_ITEM = {"get": "retrieve", "patch": "update", "delete": "destroy"}


def routes(*viewsets: type[ResourceViewSet]) -> list[URLPattern]:
    """The routes of these resources and their relationships, without slashes at the end."""
    return [route for viewset in viewsets for route in _routes(viewset)]


def unknown_paths() -> URLPattern:
    """The route of all paths that are no endpoint. Include it last."""
    return re_path("", NotFoundView.as_view())


def _routes(viewset: type[ResourceViewSet]) -> Iterator[URLPattern]:
    one = f"{viewset.type}/<str:public_id>"
    collection, item = _offered(viewset, _COLLECTION), _offered(viewset, _ITEM)
    if collection:
        yield path(viewset.type, viewset.as_view(collection))
    yield path(one, viewset.as_view(item, segments=2))
    for name in resource_of(viewset.type).relationships_by_name:
        related = viewset.as_view({"get": "related"}, relation=name, segments=3)
        linkage = viewset.as_view({"get": "linkage"}, relation=name, segments=4)
        yield path(f"{one}/{name}", related)
        yield path(f"{one}/relationships/{name}", linkage)


def _offered(viewset: type[ResourceViewSet], actions: dict[str, str]) -> dict[str, Any]:
    return {method: action for method, action in actions.items() if hasattr(viewset, action)}
