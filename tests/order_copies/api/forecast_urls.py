"""A URLconf with subscriptions as a resource that has forecasts, next to those of the project."""

from typing import Any

from django.urls import include, path
from rest_framework.permissions import IsAuthenticated

from order_copies.api.forecasts import ForecastMixin
from order_copies.api.serializers.common import PublicIDField
from order_copies.jsonapi.routers import Router
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import ReadOnlyViewSet
from order_copies.models import OrderSubscription
from order_copies.shops import get_shop


class OrderSubscriptionSerializer(ModelSerializer):
    """The number of a subscription."""

    id = PublicIDField("order_subscriptions")

    class Meta:
        model = OrderSubscription
        resource_name = "order_subscriptions"
        fields = ["id", "number"]


class OrderSubscriptionViewSet(ForecastMixin, ReadOnlyViewSet):
    queryset = OrderSubscription.objects.all()
    serializer_class = OrderSubscriptionSerializer
    permission_classes = [IsAuthenticated]

    def get_queryset(self) -> Any:
        return get_shop().order_subscriptions_for(self.request, super().get_queryset())


router = Router()
router.register("order_subscriptions", OrderSubscriptionViewSet)

urlpatterns = [path("api/", include(router.urls)), path("", include("project.urls"))]
