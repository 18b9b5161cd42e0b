"""The routes of the shop's resources."""

from order_copies.jsonapi.routers import routes
from orders.api.views import viewsets

urlpatterns = routes(*viewsets())
