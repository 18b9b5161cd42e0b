"""Progress of copies, and the pages that poll it until all copies have ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.admin.display import Detail
from order_copies.admin.pages import page_url
from order_copies.models import OrderCopy, Status
from order_copies.templatetags.order_copies_admin import count_of

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
        ids = ",".join(order_copy.public_id for order_copy in order_copies)
        url = f"{page_url(site, OrderCopy, 'status')}?ids={ids}"
        return cls((order_copy.status for order_copy in order_copies), url)

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
            count_of(status, self.counts[status])
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


def watched(queryset: "QuerySet[OrderCopy]", ids: str) -> "QuerySet[OrderCopy]":
    """Return the copies of ``queryset`` that ``ids`` names: public ids separated by commas."""
    texts = list(dict.fromkeys(ids[: MAX_WATCHED * (public_ids.LENGTH + 1)].split(",")))
    keys = [public_ids.decode("order_factories", text) for text in texts]
    return queryset.filter(pk__in=[key for key in keys if key is not None])


class WatchingMixin(Base):
    """Shows progress in the list and on the page of a copy, and returns it as JSON."""

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and that of the status."""
        view = self.admin_site.admin_view(self.status_view)
        return [
            path("status/", view, name="order_copies_ordercopy_status"),
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

    def status_view(self, request: HttpRequest) -> JsonResponse:
        """Return the progress of the copies that the parameter ``ids`` names, as JSON."""
        progress = Progress(order_copy.status for order_copy in self._watched(request))
        return JsonResponse(progress.as_json())

    def _watched(self, request: HttpRequest) -> list[OrderCopy]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        named = watched(self.get_queryset(request), request.GET.get("ids", ""))
        return list(named.order_by("pk"))
