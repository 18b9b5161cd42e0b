"""System check of the API's serializers: mistakes that a request would meet otherwise."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from rest_framework.mixins import CreateModelMixin, UpdateModelMixin
from rest_framework_json_api.serializers import PolymorphicModelSerializer

from order_copies.checks.conditions import not_in_makemigrations, with_order_model
from order_copies.jsonapi.compiler import PACKAGES, tables_of
from order_copies.jsonapi.pagination import Pagination
from order_copies.jsonapi.resources import Resource, resources
from order_copies.jsonapi.views import CreateMixin, UpdateMixin

_HINT = "See “Expose your order” in the documentation of django-order-copies."
_OPTIONS = ("creatable", "updatable", "filterable", "sortable", "on_request")


@not_in_makemigrations
@with_order_model
def check_serializers(**_kwargs: Any) -> list[CheckMessage]:
    """Return E011 for each mistake in a serializer of a viewset in the URLconf."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    return [
        Error(complaint, hint=_HINT, obj=resource.serializer_class, id="order_copies.E011")
        for resource in resources().values()
        for complaint in _complaints(resource)
    ]


def _complaints(resource: Resource) -> Iterator[str]:
    yield from _about_class(resource.serializer_class)
    yield from _about_viewset(resource.viewset)
    for option in _OPTIONS:
        for name in getattr(resource.serializer_class.Meta, option, ()):
            if complaint := _complaint(resource, option, name):
                yield f"Meta.{option} names {name}, {complaint}."
    yield from _about_relationships(resource)


def _about_class(serializer_class: Any) -> Iterator[str]:
    if issubclass(serializer_class, PolymorphicModelSerializer):
        yield "It is polymorphic: serve each of its models as a resource of its own."
        return
    for method in ("__init__", "get_fields"):
        if not getattr(serializer_class, method).__module__.startswith(PACKAGES):
            yield f"It overrides {method}(): the fields must be the same for every request."


def _about_viewset(viewset: Any) -> Iterator[str]:
    name = viewset.__name__
    if not viewset.get_serializer_class.__module__.startswith(PACKAGES):
        yield f"{name} overrides get_serializer_class(): set serializer_class."
    if not issubclass(viewset.pagination_class or object, Pagination):
        yield f"{name}.pagination_class must be a subclass of order_copies' Pagination."
    if viewset.lookup_field != "pk":
        yield f"{name}.lookup_field has no effect: give the serializer an IDField."
    for ours, stock in ((CreateMixin, CreateModelMixin), (UpdateMixin, UpdateModelMixin)):
        if issubclass(viewset, stock) and not issubclass(viewset, ours):
            yield f"{name} uses {stock.__name__} of DRF: use {ours.__name__} of order_copies."


def _about_relationships(resource: Resource) -> Iterator[str]:
    tables = tables_of(resource.serializer_class)
    for name in tables.included:
        if name not in tables.relationships_by_name:
            yield f"included_serializers names {name}, which is no relationship of it."
    for relationship in tables.relationships:
        if relationship.name not in resource.relationships_by_name:
            yield (
                f"{relationship.name} leads to {relationship.type}, which no viewset serves: "
                "register one of that type. Without an included serializer the type is the "
                "model's JSONAPIMeta.resource_name, or else its name."
            )


def _complaint(resource: Resource, option: str, name: str) -> str:
    # What is wrong with a name in an option of Meta, or nothing.
    tables = tables_of(resource.serializer_class)
    if name not in tables.fields:
        return "which is no field of it"
    found: Any = tables.attributes_by_name.get(name) or tables.relationships_by_name.get(name)
    if option in {"creatable", "updatable"}:
        return _complaint_about_setting(tables.fields[name], name, found, option)
    if name in tables.attributes_by_name and not getattr(found, option):
        return "which has no column, or one of a kind that cannot be compared"
    if name in tables.relationships_by_name:
        if option == "filterable" and not found.offers_filters:
            return "which filters cannot follow"
        if option == "sortable" and not found.sortable:
            return "which is not a column"
    return ""


def _complaint_about_setting(field: Any, name: str, found: Any, option: str) -> str:
    if name in {"id", "type"}:
        return "which JSON:API reserves"
    if field.read_only:
        return "which is a read-only field"
    if found is not None and not getattr(found, option):
        return "which only a ResourceRelatedField of order_copies can set"
    return ""
