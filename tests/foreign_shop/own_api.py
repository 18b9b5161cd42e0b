"""The viewsets that the shop registers itself. It imports the API of the app, not its URLs."""

from typing import Any

from order_copies.jsonapi.routers import Router
from order_copies.jsonapi.views import ReadOnlyViewSet
from order_copies.shops import get_shop
from tests.foreign_shop.models import PurchaseLine
from tests.foreign_shop.serializers import PurchaseLineSerializer


class LineSerializer(PurchaseLineSerializer):
    """A line of an order, under a type of its own."""

    class Meta(PurchaseLineSerializer.Meta):
        resource_name = "lines"


class LineViewSet(ReadOnlyViewSet):
    queryset = PurchaseLine.objects.all()
    serializer_class = LineSerializer

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(order__in=get_shop().orders_for(self.request))


router = Router()
router.register("lines", LineViewSet)
