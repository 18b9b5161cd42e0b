from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from order_copies.jsonapi.handlers import error_handlers

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("orders.urls")),
    path("api/", include("order_copies.urls")),
]

handler400, handler403, handler404, handler500 = error_handlers("/api")
