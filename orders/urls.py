"""The routes of the shop's resources."""

from order_copies.jsonapi.routers import routes
from orders import views

urlpatterns = routes(
    views.OrderViewSet,
    views.LineItemViewSet,
    views.LineItemOptionViewSet,
    views.AddressViewSet,
    views.CustomerViewSet,
    views.MarketViewSet,
    views.SkuViewSet,
    views.PaymentMethodViewSet,
)
