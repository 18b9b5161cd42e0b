from order_copies.jsonapi.routers import Router
from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.models import Buyer
from tests.foreign_shop.test_api import DynamicSerializer


class BuyerViewSet(ReadOnlyViewSet):
    queryset = Buyer.objects.all()
    serializer_class = DynamicSerializer


router = Router()
router.register("buyers", BuyerViewSet)
urlpatterns = router.urls
