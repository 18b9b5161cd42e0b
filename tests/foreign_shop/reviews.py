"""Reviews: a resource of the shop that clients create, change and delete."""

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework_json_api import serializers

from order_copies.jsonapi.errors import Error, RequestRefusedError
from order_copies.jsonapi.fields import StringField
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import CreateMixin, DestroyMixin, ReadOnlyViewSet, UpdateMixin
from tests.foreign_shop.models import Review
from tests.foreign_shop.serializers import PurchaseOrderSerializer


class ConflictError(APIException):
    """The shop cannot take the review now."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "Another review is being written."
    default_code = "conflict"


class PlaceSerializer(serializers.Serializer):  # type: ignore[misc]
    """A nested object."""

    city = serializers.CharField(max_length=10)
    streets = serializers.ListField(child=serializers.IntegerField(), required=False)

    class Meta:
        resource_name = "places"


class ReviewSerializer(ModelSerializer):
    nickname = StringField(required=False, max_length=10)
    place = PlaceSerializer(required=False)

    included_serializers = {"order": PurchaseOrderSerializer}

    class Meta:
        model = Review
        resource_name = "reviews"
        fields = [
            *("slug", "email", "title", "nickname", "stars", "age", "helped"),
            *("price", "weight", "bought_on", "written_at", "token", "place", "order"),
        ]
        creatable = fields
        updatable = fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("stars") == Review.Stars.BAD and attrs.get("helped"):
            raise ValidationError("bad reviews help nobody")
        return attrs


class ReviewViewSet(CreateMixin, UpdateMixin, DestroyMixin, ReadOnlyViewSet):
    queryset = Review.objects.all()
    serializer_class = ReviewSerializer

    def perform_create(self, serializer: Any) -> None:
        match serializer.validated_data["slug"]:
            case "invalid":
                raise ValidationError({"slug": ["is not for the shop"]})
            case "conflict":
                raise ConflictError
            case "refused":
                raise RequestRefusedError(Error("CLOSED", "The shop is closed."))
        serializer.instance = Review.objects.create(**serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        for name, value in serializer.validated_data.items():
            setattr(serializer.instance, name, value)
        serializer.instance.save()
