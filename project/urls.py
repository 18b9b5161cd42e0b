from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView, TemplateView

from order_copies.jsonapi.handlers import error_handlers
from order_copies.monitoring.metrics import MetricsView
from order_copies.monitoring.probes import HealthView
from project.oauth.handlers import with_oauth_errors
from project.views import APIDocsView, admin_login

#: Evaluated per request: a manifest storage has no files before ``collectstatic``.
FAVICON = lazy(static, str)("favicon.ico")

urlpatterns = [
    path("", TemplateView.as_view(template_name="front_page.html")),
    # URLs of the API have no slash at the end, so that Django appends none.
    path("admin", RedirectView.as_view(pattern_name="admin:index", query_string=True)),
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=FAVICON)),
    path("healthz", HealthView.as_view(), name="healthz"),
    path("metrics", MetricsView.as_view()),
    path("oauth/", include("project.oauth.urls")),
    path("api/docs", APIDocsView.as_view(), name="api_docs"),
    path("api/", include("orders.api.urls")),
    path("api/", include("order_copies.api.urls")),
]

handler400, handler403, handler404, handler500 = with_oauth_errors(error_handlers("/api"))
