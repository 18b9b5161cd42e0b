from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from order_copies.jsonapi.handlers import error_handlers
from order_copies.metrics import MetricsView
from order_copies.probes import HealthView
from project.oauth.handlers import with_oauth_errors
from project.views import APIDocsView, FaviconView, admin_login

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    path("favicon.ico", FaviconView.as_view()),
    path("healthz", HealthView.as_view()),
    path("metrics", MetricsView.as_view()),
    path("oauth/", include("project.oauth.urls")),
    path("api/docs", APIDocsView.as_view(), name="api_docs"),
    path("api/", include("orders.urls")),
    path("api/", include("order_copies.urls")),
]

handler400, handler403, handler404, handler500 = with_oauth_errors(error_handlers("/api"))
