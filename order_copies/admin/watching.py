"""The pages that watch copies until they have ended."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from order_copies.admin.details import Detail
from order_copies.admin.progress import Progress, watched
from order_copies.models import OrderCopy

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderCopy]
else:
    Base = object


class WatchingMixin(Base):
    """The list that watches its copies, a page for those requested together, and their status."""

    def get_urls(self) -> list[URLPattern]:
        """The pages that watch copies, and the stock ones."""
        site = self.admin_site
        return [
            path("batch/", site.admin_view(self.batch_view), name="order_copies_ordercopy_batch"),
            path(
                "status/", site.admin_view(self.status_view), name="order_copies_ordercopy_status"
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The stock list, which watches those of its copies that have not ended."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            shown = context["cl"].result_list
            running = [order_copy for order_copy in shown if not order_copy.has_ended]
            context["progress"] = Progress.of(self.admin_site, running)
        return response

    def detail_of(self, order_copy: OrderCopy) -> Detail:
        """What the pages show of one copy."""
        return Detail(
            order_copy,
            source=self.order_link(order_copy.source_order),
            target=self.order_link(order_copy.target_order),
        )

    def order_link(self, order: Any) -> str | None:
        """The order's name, as a link where this site has an admin for it."""
        if order is None:
            return None
        if not self.admin_site.is_registered(type(order)):
            return str(order)
        name = f"admin:{order._meta.app_label}_{order._meta.model_name}_change"
        url = reverse(name, args=[quote(order.pk)], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', url, order)

    def batch_view(self, request: HttpRequest) -> HttpResponse:
        """Watch the copies that the URL names."""
        order_copies = self._watched(request)
        if not order_copies:
            self.message_user(request, _("There are no such copies (any more)."), messages.WARNING)
            name = "admin:order_copies_ordercopy_changelist"
            return HttpResponseRedirect(reverse(name, current_app=self.admin_site.name))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Copies requested together"),
            "details": [self.detail_of(order_copy) for order_copy in order_copies],
            "progress": Progress.of(self.admin_site, order_copies),
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/order_copies/ordercopy/batch.html", context)

    def status_view(self, request: HttpRequest) -> JsonResponse:
        """How far the copies are that the URL names, as JSON."""
        progress = Progress(order_copy.status for order_copy in self._watched(request))
        return JsonResponse(progress.as_json())

    def _watched(self, request: HttpRequest) -> list[OrderCopy]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        named = watched(self.get_queryset(request), request.GET.get("ids", ""))
        return list(named.order_by("pk"))
