"""A resource that no app has, with what the resources of this project do not use yet: notes.

This module is its URLconf, which contains the resources of the project too.
"""

from typing import Any

from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies.jsonapi.fields import BlankField, InstantField, StringField, TriggerField
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.routers import Router
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import ReadOnlyViewSet, UpdateMixin
from order_copies.models import OrderFactory
from orders.models import Customer


class NoteSerializer(ModelSerializer):
    """A note, with or without an order."""

    text = StringField(source="reference", null=None, required=False)
    # It has no ``read_only=True``: a field is read-only unless ``Meta`` says otherwise.
    created_at = InstantField()
    plan_digest = BlankField(max_length=64, required=False)
    # A row of the shop by a key that is text.
    author = ResourceRelatedField(
        resource_name="customers",
        column="reference_origin",
        lookup="email",
        queryset=Customer.objects.all(),
        required=False,
    )
    _publish = TriggerField(scope="copy")
    _delete = TriggerField(scope="copy")

    included_serializers = {
        "source_order": "orders.api.serializers.OrderSerializer",
        "target_order": "orders.api.serializers.OrderSerializer",
    }

    class Meta:
        model = OrderFactory
        resource_name = "notes"
        fields = [
            *("text", "type", "status", "metadata", "place_target_order", "plan_digest"),
            *("errors_count", "reference_origin", "created_at", "outcomes"),
            *("source_order", "target_order", "author", "_publish", "_delete"),
        ]
        creatable = [
            *("text", "status", "metadata", "place_target_order", "plan_digest"),
            *("source_order", "target_order", "author"),
        ]
        updatable = ["text", "reference_origin"]


class NoteViewSet(UpdateMixin, ReadOnlyViewSet):
    """``/notes``."""

    queryset = OrderFactory.objects.all()
    serializer_class = NoteSerializer
    permission_classes = [IsAuthenticated]

    def create(self, request: Request) -> Response:
        """Create a note."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = OrderFactory.objects.create(**serializer.validated_data)
        return Response(self.get_serializer(row).data, status=201)

    def perform_update(self, serializer: Any) -> None:
        """Save the changes, and the name of the trigger as the origin."""
        changes = {"reference_origin": serializer.trigger} | serializer.changes
        for name, value in changes.items():
            setattr(serializer.instance, name, value)
        serializer.instance.save()


router = Router()
router.register("notes", NoteViewSet)

urlpatterns = [
    path("api/", include(router.urls)),
    path("api/", include("orders.api.urls")),
    path("api/", include("order_copies.api.urls")),
]
