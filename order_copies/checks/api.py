"""System check of the API's serializers: mistakes that a request would meet otherwise."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from rest_framework_json_api.serializers import PolymorphicModelSerializer

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
    attributes, relationships = resource.attributes_by_name, resource.relationships_by_name
    for option in _OPTIONS:
        for name in getattr(serializer_class.Meta, option, ()):
            if name not in attributes and name not in relationships:
                yield f"Meta.{option} names {name}, which is no field of it."
    for name in getattr(serializer_class.Meta, "filterable", ()):
        if name in attributes and not attributes[name].filterable:
            yield f"Meta.filterable names {name}, which has no column to filter by."
    for relationship in resource.relationships:
        if not relationship.leads_nowhere and relationship.type not in resources():
            yield (
                f"{relationship.name} leads to {relationship.type}, which no viewset serves: add "
                "the relationship to included_serializers, or register a viewset."
            )
