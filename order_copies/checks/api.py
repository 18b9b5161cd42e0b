"""System check of the API's serializers: mistakes that a request would meet otherwise."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from rest_framework_json_api.serializers import PolymorphicModelSerializer

from order_copies.jsonapi.compiler import tables_of
from order_copies.jsonapi.resources import Resource, resources

_HINT = "See “Expose your order” in the documentation of django-order-copies."
#: The packages whose ``get_fields`` is the same for every request.
_PACKAGES = ("rest_framework.", "rest_framework_json_api.", "order_copies.")
_OPTIONS = ("creatable", "updatable", "filterable", "sortable", "on_request")


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
    serializer_class = resource.serializer_class
    if issubclass(serializer_class, PolymorphicModelSerializer):
        yield "It is polymorphic: serve each of its models as a resource of its own."
    elif not serializer_class.get_fields.__module__.startswith(_PACKAGES):
        yield "It overrides get_fields(): the fields must be the same for every request."
    for option in _OPTIONS:
        for name in getattr(serializer_class.Meta, option, ()):
            if complaint := _complaint(resource, option, name):
                yield f"Meta.{option} names {name}, {complaint}."
    for relationship in tables_of(serializer_class).relationships:
        if not relationship.leads_nowhere and relationship.type not in resources():
            yield (
                f"{relationship.name} leads to {relationship.type}, which no viewset serves: add "
                "the relationship to included_serializers, or register a viewset of that type."
            )


def _complaint(resource: Resource, option: str, name: str) -> str:
    # What is wrong with a name in an option of Meta, or nothing.
    field = tables_of(resource.serializer_class).fields.get(name)
    attribute = resource.attributes_by_name.get(name)
    is_settable = option in {"creatable", "updatable"}
    if field is None:
        return "which is no field of it"
    if is_settable and name in {"id", "type"}:
        return "which JSON:API reserves"
    if is_settable and field.read_only:
        return "which is a read-only field"
    if option == "filterable" and attribute and not attribute.filterable:
        return "which has no column to filter by"
    return ""
