from django.urls import include, path

from order_copies.jsonapi.handlers import error_handlers

urlpatterns = [path("shop/api/", include("order_copies.api.urls"))]

handler400, handler403, handler404, handler500 = error_handlers("/shop/api")
