"""Progress of copies, and the pages that poll it until all copies have ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.contrib import admin, messages
from django.contrib.admin.sites import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.admin.display import Detail
from order_copies.admin.pages import page_url
from order_copies.models import OrderCopy, Status

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderCopy]
else:
    Base = object

#: The largest number of copies that one page polls.
MAX_WATCHED = 200

ended_statuses = (Status.COMPLETED, Status.FAILED, Status.ABORTED)


class Progress:
    """Numbers of copies by status. ``url`` returns the same numbers later."""

    def __init__(self, statuses: Iterable[str], url: str = "") -> None:
        self.counts = Counter(statuses)
        self.url = url
        self.total = self.counts.total()
        self.ended = sum(self.counts[status] for status in ended_statuses)

    @classmethod
    def of(cls, site: AdminSite, order_copies: Sequence[OrderCopy]) -> Self:
        """Return the progress of these copies, with the URL of their status on this site."""
        statuses = (order_copy.status for order_copy in order_copies)
        return cls(statuses, _url(site, "status", order_copies))

    @property
    def is_running(self) -> bool:
        """Whether any copy has not ended."""
        return self.ended < self.total

    @property
    def version(self) -> str:
        """A string that changes with the status of any copy, unless copies are retried."""
        return "-".join(str(self.counts[status]) for status in Status)

    def __str__(self) -> str:
        text = _("%(ended)s of %(total)s ended") % {"ended": self.ended, "total": self.total}
        ends = [
            f"{self.counts[status]} {status.label}"
            for status in ended_statuses
            if self.counts[status]
        ]
        return f"{text}: {', '.join(ends)}" if ends else text

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the script of the page reads."""
        return {
            "text": str(self),
            "ended": self.ended,
            "total": self.total,
            "version": self.version,
            "is_running": self.is_running,
        }


def batch_url(site: AdminSite, order_copies: Iterable[OrderCopy]) -> str:
    """Return the URL of the page that shows the progress of these copies."""
    return _url(site, "batch", order_copies)


def watched(queryset: "QuerySet[OrderCopy]", ids: str) -> "QuerySet[OrderCopy]":
    """Return the copies of ``queryset`` that ``ids`` names: public ids separated by commas."""
    texts = list(dict.fromkeys(ids[: MAX_WATCHED * (public_ids.LENGTH + 1)].split(",")))
    keys = [public_ids.decode("order_factories", text) for text in texts]
    return queryset.filter(pk__in=[key for key in keys if key is not None])


def _url(site: AdminSite, view: str, order_copies: Iterable[OrderCopy]) -> str:
    ids = ",".join(order_copy.public_id for order_copy in order_copies)
    return f"{page_url(site, OrderCopy, view)}?ids={ids}"


class WatchingMixin(Base):
    """Shows progress in the list, on a page for copies requested together, and as JSON."""

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and those of the batch page and of the status."""
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
        """Return Django's list, with the progress of the copies on it that have not ended."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            shown = context["cl"].result_list
            running = [order_copy for order_copy in shown if not order_copy.has_ended]
            context["progress"] = Progress.of(self.admin_site, running)
        return response

    def detail_of(self, order_copy: OrderCopy) -> Detail:
        """Return the values that the pages show of one copy."""
        return Detail(
            order_copy,
            source=self.order_link(order_copy.source_order),
            target=self.order_link(order_copy.target_order),
        )

    def order_link(self, order: Any) -> str | None:
        """Return the order's name, as a link if this site has an admin for it; None for None."""
        if order is None:
            return None
        if not self.admin_site.is_registered(type(order)):
            return str(order)
        url = page_url(self.admin_site, type(order), "change", order.pk)
        return format_html('<a href="{}">{}</a>', url, order)

    def batch_view(self, request: HttpRequest) -> HttpResponse:
        """Show the progress of the copies that the parameter ``ids`` names."""
        order_copies = self._watched(request)
        if not order_copies:
            self.message_user(request, _("These copies do not exist any more."), messages.WARNING)
            return HttpResponseRedirect(page_url(self.admin_site, OrderCopy, "changelist"))
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
        """Return the progress of the copies that the parameter ``ids`` names, as JSON."""
        progress = Progress(order_copy.status for order_copy in self._watched(request))
        return JsonResponse(progress.as_json())

    def _watched(self, request: HttpRequest) -> list[OrderCopy]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        named = watched(self.get_queryset(request), request.GET.get("ids", ""))
        return list(named.order_by("pk"))
