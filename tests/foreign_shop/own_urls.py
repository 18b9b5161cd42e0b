"""A URLconf in which the shop routes viewsets of its own, before those of the app."""

from django.urls import include, path

from tests.foreign_shop.own_api import router

urlpatterns = [
    path("shop/api/", include(router.urls)),
    path("shop/api/", include("order_copies.api.urls")),
]
