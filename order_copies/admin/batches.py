"""The admin class of batches: their list, and a page that shows and steers one batch."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, IntegerField, Min, QuerySet, Value, When
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from order_copies.admin.actions import Intervention, interventions, refusals_in_words
from order_copies.admin.bounded import BoundedMixin
from order_copies.admin.display import Filter, toggle_labels
from order_copies.admin.exporting import as_csv
from order_copies.admin.forms import RetryForm
from order_copies.admin.pages import page_url
from order_copies.admin.parameters import ParametersMixin
from order_copies.admin.permissions import may, may_turn_on, may_view_copies, refused_toggles
from order_copies.admin.progress import Progress
from order_copies.api.permissions import CHANGING_ORDERS
from order_copies.events.recording import actor_name, user_actor
from order_copies.exceptions import OrderCopiesError
from order_copies.models import CopyBatch, OrderCopy, Status
from order_copies.templatetags.order_copies_admin import badge
from order_copies.transitions import ABORTABLE, RETRYABLE
from order_copies.worker import heartbeats

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[CopyBatch]
else:
    ModelAdmin = admin.ModelAdmin

#: The number of copies on one page of a batch.
PER_PAGE = 50
#: The number of copies that one transaction aborts or retries.
CHUNK = 500

#: The filters of the page: a name, its label, and the statuses that it shows.
FILTERS: dict[str, tuple[Promise, frozenset[str]]] = {
    "failed": (pgettext_lazy("copies", "Failed"), frozenset({Status.FAILED, Status.ABORTED})),
    "waiting": (gettext_lazy("Not ended"), frozenset({Status.PENDING, Status.IN_PROGRESS})),
    "completed": (gettext_lazy("Copied"), frozenset({Status.COMPLETED})),
}
#: The verbs of a batch: the copies that each concerns.
VERBS: dict[str, frozenset[Any]] = {"abort": ABORTABLE, "retry": RETRYABLE}


class BatchProgress(Progress):
    """The progress of one batch, with its rate and the time that is left."""

    def __init__(
        self, counts: Counter[str], url: str, started_at: datetime | None, *, has_workers: bool
    ) -> None:
        super().__init__(counts.elements(), url)
        self.started_at = started_at
        self.has_workers = has_workers

    def __str__(self) -> str:
        return f"{super().__str__()}{self._outlook()}"

    def _outlook(self) -> str:
        if not self.is_running:
            return ""
        if not self.has_workers:
            return f" – {_('waiting: no worker is running')}"
        if not (self.ended and self.started_at):
            return ""
        elapsed = max((timezone.now() - self.started_at).total_seconds(), 0.001)
        left = math.ceil((self.total - self.ended) * elapsed / self.ended)
        rate = self.ended / elapsed
        return " – " + _("%(rate)s a second, about %(left)s s left") % {
            "rate": number_format(round(rate, 1), decimal_pos=1) if rate < 10 else round(rate),
            "left": left,
        }


@admin.register(CopyBatch)
class CopyBatchAdmin(BoundedMixin, ParametersMixin, ModelAdmin):
    """Lists batches, and shows the progress and the results of one. Nothing of it is edited."""

    list_display = ["batch_id", "created", "actor", "progress", "reason", "toggles"]
    list_filter = ["created_at", "user"]
    list_select_related = False
    list_per_page = 50
    search_fields = ["reason"]
    search_help_text = gettext_lazy("Search by reason.")
    date_hierarchy = "created_at"
    ordering = ["-pk"]
    actions = None
    unindexed = frozenset({"q"})

    class Media:
        css = {"all": ["order_copies/admin.css"]}
        js = ["order_copies/progress.js"]

    # Permissions: those of copies. A batch has none of its own.

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: a batch is made by copying orders."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: a batch is a part of the history of its copies."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: a batch has nothing to edit."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may view copies."""
        return may_view_copies(self.admin_site, request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may view copies."""
        return self.has_view_permission(request)

    # Columns

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return Django's list; count the copies of the batches that it shows, in one query."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            _count_copies(list(context["cl"].result_list))
        return response

    @admin.display(description=gettext_lazy("batch"), ordering="pk")
    def batch_id(self, batch: CopyBatch) -> str:
        """Return the public id."""
        return batch.public_id

    @admin.display(description=gettext_lazy("requested"), ordering="created_at")
    def created(self, batch: CopyBatch) -> str:
        """Return the time of the request."""
        return date_format(localtime(batch.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("requested by"))
    def actor(self, batch: CopyBatch) -> str:
        """Return the name of the user or the program."""
        return actor_name(batch.who)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, batch: Any) -> SafeString:
        """Return the number of copies that completed, and of those that failed."""
        text = _("%(completed)s of %(size)s copied")
        done = format_html("{}", text % {"completed": batch.completed, "size": batch.size})
        if not batch.failed:
            return done
        failed = ngettext("%(count)s failed", "%(count)s failed", batch.failed)
        return format_html("{} {}", done, badge("failed", failed % {"count": batch.failed}))

    @admin.display(description=gettext_lazy("toggles"), empty_value="–")
    def toggles(self, batch: CopyBatch) -> SafeString | None:
        """Return the labels of the toggles that are on."""
        on = (label for name, label in toggle_labels.items() if name in batch.options)
        badges = ((badge("toggle", label),) for label in on)
        return format_html_join(" ", "{}", badges) or None

    # Pages

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs, and those of the status and the buttons of one batch."""
        site = self.admin_site
        status = path(
            "<path:object_id>/status/",
            site.admin_view(self.status_view),
            name="order_copies_copybatch_status",
        )
        view = site.admin_view(self.confirm_view)
        verbs = [
            path(
                f"<path:object_id>/{verb}/",
                view,
                {"verb": verb},
                name=f"order_copies_copybatch_{verb}",
            )
            for verb in VERBS
        ]
        export = path(
            "<path:object_id>/export/",
            site.admin_view(self.export_view),
            name="order_copies_copybatch_export",
        )
        return [status, export, *verbs, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the progress of a batch and a page of its copies, failed ones first."""
        batch = self._find(request, object_id)
        if batch is None:
            message = _("This batch does not exist any more.")
            self.message_user(request, message, messages.WARNING)
            return HttpResponseRedirect(page_url(self.admin_site, CopyBatch, "changelist"))
        progress = self._progress(batch)
        chosen = request.GET.get("show", "")
        page = Paginator(_copies_to_show(batch, chosen), PER_PAGE).get_page(request.GET.get("p"))
        copies = self.admin_site.get_model_admin(OrderCopy)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": ngettext("Copy of %(count)s order", "Copies of %(count)s orders", batch.size)
            % {"count": batch.size},
            "batch": batch,
            "actor": self.actor(batch),
            "toggles": self.toggles(batch),
            "details": [copies.detail_of(order_copy) for order_copy in page],  # type: ignore[attr-defined]
            "page": page,
            "show": chosen if chosen in FILTERS else "",
            "filters": list(_filters(progress, chosen)),
            "progress": progress,
            "buttons": list(self._buttons(request, batch, progress)),
            "export_url": page_url(self.admin_site, CopyBatch, "export", batch.pk)
            if may(request, "export")
            else "",
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/order_copies/copybatch/batch.html", context)

    def status_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Return the progress of a batch as JSON."""
        batch = self._find(request, object_id)
        if batch is None:
            raise Http404
        return JsonResponse(self._progress(batch).as_json())

    def export_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """Return the copies of a batch as a CSV file. Raises PermissionDenied."""
        batch = self._find(request, object_id)
        if not may(request, "export"):
            raise PermissionDenied
        if batch is None:
            raise Http404
        return as_csv(_copies(batch).order_by("pk"))

    def confirm_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """Ask whether to abort the rest of a batch or retry its failures; on POST do so."""
        batch = self._find(request, object_id)
        if batch is None:
            raise Http404
        if not self._may(request, verb, batch):
            raise PermissionDenied
        page = page_url(self.admin_site, CopyBatch, "change", batch.pk)
        concerned = _copies(batch).filter(status__in=VERBS[verb])
        form = RetryForm(
            request.POST or None,
            refused=refused_toggles(self.admin_site, request, []),
            initial=dict.fromkeys(batch.options, True),
        )
        if request.method == "POST":
            toggles = form.toggles if verb == "retry" and form.is_valid() else {}
            copies = list(concerned.order_by("pk"))
            self._intervene(request, copies, interventions[verb], toggles)
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "batch": batch,
            "verb": verb,
            "title": _verb_labels[verb] % {"count": concerned.count()},
            "count": concerned.count(),
            "form": form if verb == "retry" else None,
            "batch_url": page,
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/order_copies/copybatch/confirm.html", context)

    def _find(self, request: HttpRequest, object_id: str) -> CopyBatch | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.get_object(request, unquote(object_id))

    def _progress(self, batch: CopyBatch) -> BatchProgress:
        found = _copies(batch).order_by().values_list("status").annotate(Count("pk"))
        counts: Counter[str] = Counter(dict(found))
        started_at = _copies(batch).aggregate(first=Min("started_at"))["first"]
        return BatchProgress(
            counts,
            page_url(self.admin_site, CopyBatch, "status", batch.pk),
            started_at,
            has_workers=heartbeats.active(timezone.now()).exists(),
        )

    def _buttons(
        self, request: HttpRequest, batch: CopyBatch, progress: Progress
    ) -> Iterator[tuple[str, str]]:
        for verb, statuses in VERBS.items():
            count = sum(progress.counts[status] for status in statuses)
            if count and self._may(request, verb, batch):
                url = page_url(self.admin_site, CopyBatch, verb, batch.pk)
                yield url, _verb_labels[verb] % {"count": count}

    def _may(self, request: HttpRequest, verb: str, batch: CopyBatch) -> bool:
        if not may(request, verb):
            return False
        on = CHANGING_ORDERS.keys() & set(batch.options)
        return verb != "retry" or may_turn_on(self.admin_site, request, on, [])

    def _intervene(
        self,
        request: HttpRequest,
        order_copies: Sequence[OrderCopy],
        act: Intervention,
        toggles: Mapping[str, bool],
    ) -> None:
        refusals = []
        for first in range(0, len(order_copies), CHUNK):
            chunk = order_copies[first : first + CHUNK]
            try:
                found = act.act(chunk, actor=user_actor(request.user), **toggles)
            except OrderCopiesError as error:
                self.message_user(request, str(error), messages.ERROR)
                return
            refusals += [pair for pair in zip(chunk, found, strict=True) if pair[1]]
        if done := len(order_copies) - len(refusals):
            self.message_user(request, str(act.done % done), messages.SUCCESS)
        if refusals:
            self.message_user(request, refusals_in_words(act, refusals), messages.ERROR)


_verb_labels = {
    "abort": gettext_lazy("Abort the remaining %(count)s"),
    "retry": gettext_lazy("Retry the %(count)s that failed"),
}


def _copies(batch: CopyBatch) -> "QuerySet[Any]":
    return OrderCopy.objects.filter(batch=batch)


def _copies_to_show(batch: CopyBatch, chosen: str) -> "QuerySet[Any]":
    copies = _copies(batch).select_related("source_order", "target_order")
    if chosen in FILTERS:
        return copies.filter(status__in=FILTERS[chosen][1]).order_by("pk")
    ranks = [
        When(status__in=FILTERS[name][1], then=Value(rank)) for rank, name in enumerate(FILTERS)
    ]
    return copies.order_by(Case(*ranks, output_field=IntegerField()), "pk")


def _filters(progress: Progress, chosen: str) -> Iterator[Filter]:
    yield Filter("", _("All"), progress.total, chosen not in FILTERS)
    for name, (label, statuses) in FILTERS.items():
        count = sum(progress.counts[status] for status in statuses)
        if count:
            yield Filter(name, str(label), count, chosen == name)


def _count_copies(batches: "Sequence[Any]") -> None:
    """Set the numbers of copies that completed and that failed on each batch."""
    copies = OrderCopy.objects.filter(batch__in=batches).order_by()
    found = copies.values_list("batch", "status").annotate(Count("pk"))
    counts = {(key, status): count for key, status, count in found}
    for batch in batches:
        for name in ("completed", "failed"):
            those = (counts.get((batch.pk, status), 0) for status in FILTERS[name][1])
            setattr(batch, name, sum(those))
