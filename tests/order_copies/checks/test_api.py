"""System checks of the serializers and viewsets of the API (E011)."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path
from rest_framework.mixins import CreateModelMixin, UpdateModelMixin
from rest_framework.pagination import PageNumberPagination
from rest_framework_json_api import serializers
from rest_framework_json_api.relations import (
    SerializerMethodResourceRelatedField,
)

from order_copies.checks.api import check_serializers
from order_copies.jsonapi.fields import StringField
from order_copies.jsonapi.relations import ResourceRelatedField as OwnRelatedField
from order_copies.jsonapi.routers import Router
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import CreateMixin, ReadOnlyViewSet, UpdateMixin
from orders.api.serializers import MarketSerializer, PromotionSerializer
from orders.models import Coupon, Market, StockReservation
from tests.order_copies.checks.results import ids, results_of_checks


class PlainSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A serializer without mistakes."""

    class Meta:
        model = Market
        resource_name = "bazaars"
        fields = ["name"]


class InitSerializer(PlainSerializer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class FieldsSerializer(PlainSerializer):
    def get_fields(self) -> Any:
        return super().get_fields()


class UnknownNameSerializer(PlainSerializer):
    class Meta(PlainSerializer.Meta):
        creatable = ["nothing"]
        on_request = ["nothing"]


class ReadOnlySerializer(ModelSerializer):
    """Fields that clients cannot set, though ``Meta`` says so."""

    shown = StringField(source="name", read_only=True)

    class Meta:
        model = Market
        resource_name = "bazaars"
        fields = ["shown", "id", "name"]
        creatable = ["id", "name"]
        updatable = ["shown"]


class ComputedSerializer(PlainSerializer):
    """Columns that are none."""

    title = serializers.SerializerMethodField()

    class Meta(PlainSerializer.Meta):
        fields = ["name", "title"]
        filterable = ["title"]
        sortable = ["title", "name"]


class ComputedRelationshipsSerializer(PlainSerializer):
    """Relationships that have no column."""

    first = SerializerMethodResourceRelatedField(model=Market, read_only=True)
    others = OwnRelatedField(resource_name="markets", many=True, lookup="id")

    included_serializers = {"first": MarketSerializer, "missing": MarketSerializer}

    class Meta(PlainSerializer.Meta):
        fields = ["name", "first", "others"]
        filterable = ["first", "others"]
        sortable = ["others"]


class BrokenSerializer(PlainSerializer):
    """A serializer with a field that the model does not have."""

    class Meta(PlainSerializer.Meta):
        fields = ["nothing"]


class StockKeySerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A relationship of the library that clients would set."""

    included_serializers = {"promotion": PromotionSerializer}

    class Meta:
        model = Coupon
        resource_name = "bazaars"
        fields = ["code", "promotion"]
        updatable = ["code", "promotion"]


class UnservedSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """A relationship to a model that no viewset serves."""

    class Meta:
        model = StockReservation
        resource_name = "bazaars"
        fields = ["stock_item"]


def viewset_of(serializer: Any, *bases: Any, **members: Any) -> Any:
    model = serializer.Meta.model
    own = {"serializer_class": serializer, "queryset": model._default_manager.all()}
    return type("BazaarViewSet", (*bases, ReadOnlyViewSet), own | members)


def complaints(settings: LazySettings, viewset: Any) -> list[str]:
    """Return the messages of E011 for a project with a viewset, and those of the app."""
    router = Router()
    router.register("bazaars", viewset)

    class URLs:
        urlpatterns = [
            path("api/", include(router.urls)),
            path("api/", include("orders.api.urls")),
            path("api/", include("order_copies.api.urls")),
        ]

    settings.ROOT_URLCONF = URLs
    return [message for id_, message in results_of_checks() if id_ == "order_copies.E011"]


def test_serializers__those_of_the_reference_project_have_no_mistakes() -> None:
    assert "order_copies.E011" not in ids()


def test_serializers__project_without_urls_has_none(settings: LazySettings) -> None:
    # given
    settings.ROOT_URLCONF = None

    # when, then
    assert "order_copies.E011" not in ids()


@pytest.mark.parametrize(
    ("serializer", "expected"),
    [
        (PlainSerializer, []),
        (
            InitSerializer,
            ["It overrides __init__(): the fields must be the same for every request."],
        ),
        (
            FieldsSerializer,
            ["It overrides get_fields(): the fields must be the same for every request."],
        ),
        (
            UnknownNameSerializer,
            [
                "Meta.creatable names nothing, which is no field of it.",
                "Meta.on_request names nothing, which is no field of it.",
            ],
        ),
        (
            ReadOnlySerializer,
            [
                "Meta.creatable names id, which JSON:API reserves.",
                "Meta.updatable names shown, which is a read-only field.",
            ],
        ),
        (
            ComputedSerializer,
            [
                f"Meta.{option} names title, "
                "which has no column, or one of a kind that cannot be compared."
                for option in ("filterable", "sortable")
            ],
        ),
        (
            ComputedRelationshipsSerializer,
            [
                "Meta.filterable names first, which filters cannot follow.",
                "Meta.sortable names others, which is not a column.",
                "included_serializers names missing, which is no relationship of it.",
            ],
        ),
        (
            StockKeySerializer,
            [
                (
                    "Meta.updatable names promotion, "
                    "which only a ResourceRelatedField of order_copies can set."
                )
            ],
        ),
        (
            UnservedSerializer,
            [
                (
                    "stock_item leads to StockItem, which no viewset serves: register one of that "
                    "type. Without an included serializer the type is the model's "
                    "JSONAPIMeta.resource_name, or else its name."
                )
            ],
        ),
    ],
)
def test_serializers__each_mistake_is_an_error(
    settings: LazySettings, serializer: Any, expected: list[str]
) -> None:
    assert complaints(settings, viewset_of(serializer)) == expected


@pytest.mark.filterwarnings("ignore:Support for polymorphic:DeprecationWarning")
def test_serializers__polymorphic_one_is_an_error(settings: LazySettings) -> None:
    # given
    class PolymorphicSerializer(serializers.PolymorphicModelSerializer):  # type: ignore[misc]
        polymorphic_serializers = [PlainSerializer]

        class Meta(PlainSerializer.Meta):
            pass

    # when
    found = complaints(settings, viewset_of(PolymorphicSerializer))

    # then
    assert found == ["It is polymorphic: serve each of its models as a resource of its own."]


def test_serializers__one_that_cannot_be_compiled_is_named(settings: LazySettings) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"BrokenSerializer.* cannot be compiled"):
        complaints(settings, viewset_of(BrokenSerializer))


def test_serializers__mistake_has_a_hint_and_names_the_serializer(settings: LazySettings) -> None:
    # given
    complaints(settings, viewset_of(InitSerializer))

    # when
    [error] = check_serializers()

    # then
    hint = "See “Expose your order” in the documentation of django-order-copies."
    assert (error.id, error.obj, error.hint) == ("order_copies.E011", InitSerializer, hint)


@pytest.mark.parametrize(
    ("bases", "members", "expected"),
    [
        (
            (),
            {"get_serializer_class": lambda self: PlainSerializer},
            ["BazaarViewSet overrides get_serializer_class(): set serializer_class."],
        ),
        (
            (),
            {"pagination_class": PageNumberPagination},
            ["BazaarViewSet.pagination_class must be a subclass of order_copies' Pagination."],
        ),
        (
            (),
            {"pagination_class": None},
            ["BazaarViewSet.pagination_class must be a subclass of order_copies' Pagination."],
        ),
        (
            (),
            {"lookup_field": "number"},
            ["BazaarViewSet.lookup_field has no effect: give the serializer an IDField."],
        ),
        (
            (CreateModelMixin,),
            {},
            ["BazaarViewSet uses CreateModelMixin of DRF: use CreateMixin of order_copies."],
        ),
        (
            (UpdateModelMixin,),
            {},
            ["BazaarViewSet uses UpdateModelMixin of DRF: use UpdateMixin of order_copies."],
        ),
        ((CreateMixin, UpdateMixin), {}, []),
    ],
)
def test_viewsets__each_mistake_is_an_error(
    settings: LazySettings, bases: Any, members: Any, expected: list[str]
) -> None:
    assert complaints(settings, viewset_of(PlainSerializer, *bases, **members)) == expected
