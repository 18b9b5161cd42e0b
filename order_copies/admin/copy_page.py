"""The copy page of a draft: its options, its preview, and the submit that requests the copies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    lookup_field,
)
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import template_localtime  # type: ignore[attr-defined]
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from order_copies import public_ids
from order_copies.admin import drafts
from order_copies.admin.changes import ChangesForm, allowed_changes
from order_copies.admin.display import Preview, earlier_copies
from order_copies.admin.forms import CopyOrdersForm
from order_copies.admin.overviews import FILTERS, PER_PAGE, Overview, PreviewProgress
from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_turn_on, may_view_copies, refused_toggles
from order_copies.admin.profiles import usable_profiles
from order_copies.admin.selections import SelectingMixin
from order_copies.api.permissions import CHANGING_ORDERS
from order_copies.exceptions import (
    ChangesRefusedError,
    DraftChangedError,
    DraftGoneError,
    RowsLockedError,
    SourceOrderGoneError,
)
from order_copies.models import BatchDraft, CopyBatch, SelectedOrder
from order_copies.plans import CopyPlan
from order_copies.shops import unsupported_toggles
from order_copies.worker import heartbeats

#: With at most this number of orders, all previews of the page are unfolded.
FEW_ORDERS = 5
#: The number of orders that are loaded at once to check the permission of each.
CHUNK = 500
#: The buttons that tick or untick the shown orders, and the choice that each makes.
TICKS = {"all": True, "none": False, "complete": None}


class Row(NamedTuple):
    """A selected order on the page, with the preview of its copy."""

    selected: SelectedOrder
    preview: Preview


class Forms(NamedTuple):
    """The forms of the page: the options, and the changes if the draft can have some."""

    options: CopyOrdersForm
    changes: ChangesForm | None

    @property
    def are_valid(self) -> bool:
        """Whether what was submitted is valid."""
        is_valid = self.options.is_valid()
        return is_valid and (self.changes is None or self.changes.is_valid())


class CopyPageMixin(SelectingMixin):
    """Shows and starts drafts of batches."""

    #: Columns that the page shows for each order, named as in ``list_display``.
    copy_orders_display: Sequence[str] = ()
    #: Fields of the order whose values the page counts in its summary, such as ``status``.
    copy_orders_counted: Sequence[str] = ()

    def has_copy_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may copy orders."""
        return may(request, "add") and self.has_view_permission(request)

    def admin_page(self, view: str, *keys: Any) -> str:
        """Return the URL of a page of this admin."""
        return page_url(self.admin_site, self.model, view, *keys)

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and those of the page and its progress."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_copy_draft"
        page = self.admin_site.admin_view(self.copy_draft_view)
        progress = self.admin_site.admin_view(self.preview_progress_view)
        return [
            path("copy/<str:draft_id>/", page, name=name),
            path("copy/<str:draft_id>/progress/", progress, name=f"{name}_progress"),
            *super().get_urls(),
        ]

    def copy_draft_view(self, request: HttpRequest, draft_id: str) -> HttpResponse:
        """Show a draft with its preview; save what is submitted, and on "Copy" start it.

        Copies that place or cancel orders are confirmed first, on a page with the sums. Raises
        PermissionDenied.
        """
        try:
            draft = self._draft(request, draft_id)
            if batch := CopyBatch.objects.filter(draft=draft).first():
                return self._started_page(request, draft, batch)
            visible = self.get_queryset(request).values("pk")
            missing = draft.selected_orders.exclude(order__in=visible)
            self.report_missing(request, drafts.forget(draft, missing))
            if request.method == "POST" and draft.selected_orders.exists():
                return self._submit(request, draft)
            return self._page(request, draft)
        except DraftGoneError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self.admin_page("changelist"))
        except (ChangesRefusedError, SourceOrderGoneError, RowsLockedError) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def preview_progress_view(self, request: HttpRequest, draft_id: str) -> JsonResponse:
        """Return the progress of the preview as JSON."""
        try:
            return JsonResponse(self._progress(self._draft(request, draft_id)).as_json())
        except DraftGoneError as error:
            raise Http404 from error

    def _draft(self, request: HttpRequest, draft_id: str) -> BatchDraft:
        if not self.has_copy_permission(request):
            raise PermissionDenied
        key = public_ids.decode("copy_drafts", draft_id)
        draft = BatchDraft.objects.filter(pk=-1 if key is None else key).first()
        if draft is None:
            raise DraftGoneError
        if draft.user_id != request.user.pk and not request.user.is_superuser:
            raise PermissionDenied
        return draft

    # What is submitted

    def _submit(self, request: HttpRequest, draft: BatchDraft) -> HttpResponse:
        if "_confirmed" in request.POST:
            return self._start(request, draft)
        orders = self._shown_orders(request, draft)
        forms = self._forms(request, draft, orders, request.POST)
        if not forms.are_valid:
            return self._page(request, draft, forms)
        stale = self._save(request, draft, forms)
        if _is_key(key := request.POST.get("_profile", "")):
            self._use_profile(request, draft, int(key), orders)
        if "_copy" in request.POST:
            return self._page(request, draft, stale=stale) if stale else self._start(request, draft)
        if "_preview" in request.POST and not stale and not drafts.is_small(draft):
            drafts.preview_again(draft)
        if (choice := request.POST.get("_tick")) in TICKS:
            shown = Overview(draft, request.GET.get("show", "")).shown
            drafts.tick_all(draft, shown, TICKS[choice])
        return HttpResponseRedirect(self._address(request))

    def _use_profile(
        self, request: HttpRequest, draft: BatchDraft, key: int, orders: Sequence[Any]
    ) -> None:
        """Set the toggles to those of a profile, if the user may use it."""
        refused, absent = refused_toggles(self.admin_site, request, orders), unsupported_toggles()
        profile = next((one for one in usable_profiles(refused) if one.pk == key), None)
        if profile is None:
            text = _("This profile does not exist any more, or you may not use it.")
            self.message_user(request, text, messages.ERROR)
        else:
            on = [name for name, value in profile.toggles.items() if value and name not in absent]
            drafts.set_options(draft, options=on, profile=profile.name)

    def _save(self, request: HttpRequest, draft: BatchDraft, forms: Forms) -> str:
        """Save options, changes and ticks; return what differs from the page, if anything does."""
        shown, ticked = (set(request.POST.getlist(name)) for name in ("shown", "ticked"))
        ticks = {int(key): key in ticked for key in shown if _is_key(key)}
        have_ticks_changed = drafts.tick(draft, ticks)
        options, changes = forms
        have_changed = changes is not None and drafts.set_changes(draft, changes.changes)
        if drafts.set_options(draft, options=options.toggles, texts=options.texts) or have_changed:
            return _("The options have changed since this preview.")
        return _("The ticks have changed since this preview.") if have_ticks_changed else ""

    def _start(self, request: HttpRequest, draft: BatchDraft) -> HttpResponse:
        version = request.POST.get("version", "")
        drafts.preview(draft)
        if str(draft.version) != version or draft.previewed_at is None:
            return self._page(
                request, draft, stale=_("These orders were changed or copied since this preview.")
            )
        overview = Overview(draft)
        if not overview.ticked:
            return self._page(request, draft, error=_("Tick the orders to copy."))
        if not self._may_start(request, draft):
            text = _("You do not have permission for these options on all of these orders.")
            return self._page(request, draft, error=text)
        if overview.consequences and "_confirmed" not in request.POST:
            return self._confirmation_page(request, draft, overview)
        try:
            batch, is_new = drafts.start(draft, version=draft.version, user=request.user)
        except DraftChangedError as error:
            return self._page(request, draft, stale=str(error))
        return self._started(request, batch, is_new=is_new)

    def _may_start(self, request: HttpRequest, draft: BatchDraft) -> bool:
        if not set(draft.changes or ()) <= set(allowed_changes(request)):
            return False
        may_in_general = may_turn_on(self.admin_site, request, draft.options, [])
        if not may_in_general or not set(CHANGING_ORDERS) & set(draft.options):
            return may_in_general
        keys = list(draft.selected_orders.ticked().values_list("order", flat=True))
        parts = (keys[first : first + CHUNK] for first in range(0, len(keys), CHUNK))
        orders = self.get_queryset(request)
        return all(
            may_turn_on(self.admin_site, request, draft.options, list(orders.filter(pk__in=part)))
            for part in parts
        )

    def _started(self, request: HttpRequest, batch: CopyBatch, *, is_new: bool) -> HttpResponse:
        if is_new:
            text = ngettext(
                "%(count)s copy was requested.", "%(count)s copies were requested.", batch.size
            )
            self.message_user(request, text % {"count": batch.size}, messages.SUCCESS)
        else:
            text = _("These copies had been requested already. Nothing was copied twice.")
            self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(
            self._batch_url(request, batch) or self.admin_page("changelist")
        )

    # Pages

    def _page(
        self,
        request: HttpRequest,
        draft: BatchDraft,
        forms: Forms | None = None,
        *,
        stale: str = "",
        error: str = "",
    ) -> HttpResponse:
        is_empty = not draft.selected_orders.exists()
        if not is_empty:
            drafts.preview(draft)
        if stale:
            stale = f"{stale} {_('Nothing was copied. Check the updated preview, then copy.')}"
        overview = Overview(draft, request.GET.get("show", ""))
        page = overview.page(request.GET.get("p"))
        rows = [] if draft.previewed_at is None else self._rows(request, draft, list(page))
        orders = [row.preview.order for row in rows]
        forms = forms or self._forms(request, draft, orders)
        context = {
            "title": ngettext("Copy %(count)s order", "Copy %(count)s orders", overview.count)
            % {"count": overview.count},
            "draft": draft,
            "form": forms.options,
            "changes": forms.changes,
            "profiles": usable_profiles(forms.options.refused),
            "stale": stale,
            "error": error,
            "is_empty": is_empty,
            "overview": overview,
            "facts": list(self._facts(draft)) if overview.count > 1 else [],
            "rows": rows,
            "page": page,
            "progress": self._progress(draft),
            "may_view_copies": may_view_copies(self.admin_site, request),
        }
        return self._render(request, "copy_orders", context)

    def _confirmation_page(
        self, request: HttpRequest, draft: BatchDraft, overview: Overview
    ) -> HttpResponse:
        context = {
            "title": _("Are you sure?"),
            "draft": draft,
            "overview": overview,
            "page_url": self._address(request),
        }
        return self._render(request, "confirm_copy", context)

    def _started_page(
        self, request: HttpRequest, draft: BatchDraft, batch: CopyBatch
    ) -> HttpResponse:
        if "_copy" in request.POST:
            return self._started(request, batch, is_new=False)
        if "_again" in request.POST:
            refused = refused_toggles(self.admin_site, request, [])
            again = drafts.create_again(draft, user=request.user, refused=refused)
            return HttpResponseRedirect(self.admin_page("copy_draft", again.public_id))
        context = {
            "title": _("Copy orders"),
            "batch": batch,
            "batch_url": self._batch_url(request, batch),
        }
        return self._render(request, "copied_already", context)

    def _render(self, request: HttpRequest, name: str, context: Mapping[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "changelist_url": self.admin_page("changelist"),
            "media": self.media,
            # The previews need the width.
            "is_nav_sidebar_enabled": False,
            **context,
        }
        # Makes the links in the templates stay on this admin site, as in Django's views.
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"admin/order_copies/{name}.html", context)

    def _forms(
        self, request: HttpRequest, draft: BatchDraft, orders: Sequence[Any], data: Any = None
    ) -> Forms:
        refused = refused_toggles(self.admin_site, request, orders)
        options = CopyOrdersForm(data, draft=draft, refused=refused)
        return Forms(options, self._changes_form(request, draft, data))

    def _changes_form(
        self, request: HttpRequest, draft: BatchDraft, data: Any = None
    ) -> ChangesForm | None:
        """Return the form of the changes, if there is one order and the user may change its copy.

        Without changes in the ``data`` there is none either. Raises PermissionDenied for forged
        ones.
        """
        if data is not None and "has_changes" not in data:
            return None
        keys = list(draft.selected_orders.values_list("order", flat=True)[:2])
        order = self.get_queryset(request).filter(pk__in=keys).first() if len(keys) == 1 else None
        allowed = allowed_changes(request)
        if order is None or not allowed:
            if data is not None:
                raise PermissionDenied
            return None
        return ChangesForm(data, draft=draft, order=order, allowed=allowed)

    def _shown_orders(self, request: HttpRequest, draft: BatchDraft) -> list[Any]:
        keys = [key for key in request.POST.getlist("shown") if _is_key(key)]
        rows = draft.selected_orders.filter(pk__in=keys[:PER_PAGE])
        orders = self.get_queryset(request).filter(pk__in=rows.values("order"))
        return list(orders)

    def _rows(
        self, request: HttpRequest, draft: BatchDraft, selected: Sequence[SelectedOrder]
    ) -> list[Row]:
        keys = [row.order_id for row in selected]
        orders = self.visible_orders(request).in_bulk(keys)
        earlier = earlier_copies(keys)
        is_open = draft.selected_orders.count() <= FEW_ORDERS
        return [
            Row(
                row,
                Preview(
                    orders[row.order_id],
                    self._cells(orders[row.order_id]),
                    CopyPlan.from_json(row.plan),
                    earlier.get(row.order_id),
                    is_open=is_open,
                ),
            )
            for row in selected
            if row.order_id in orders
        ]

    def _cells(self, order: Any) -> list[tuple[str, Any]]:
        return [
            (str(label_for_field(name, self.model, self)), self._cell(order, name))
            for name in self.copy_orders_display
        ]

    def _cell(self, order: Any, name: str) -> Any:
        model_field, _attribute, value = lookup_field(name, order, self)
        empty = self.get_empty_value_display()
        if model_field is None:
            return display_for_value(value, empty)
        return display_for_field(value, model_field, empty)

    def _facts(self, draft: BatchDraft) -> Iterator[str]:
        """Yield what the summary says of the selected orders: counted values, oldest and newest."""
        orders = self.model._base_manager.filter(pk__in=draft.selected_orders.values("order"))
        for name in self.copy_orders_counted:
            model_field: Any = self.opts.get_field(name)
            counted = orders.order_by().values_list(name).annotate(Count("pk")).order_by(name)
            values = (
                f"{count} {display_for_field(value, model_field, self.get_empty_value_display())}"
                for value, count in counted
            )
            yield ", ".join(values)
        if instant := self.date_hierarchy:
            ends = orders.aggregate(oldest=Min(instant), newest=Max(instant))
            if ends["oldest"] is not None:
                yield _("oldest %(oldest)s, newest %(newest)s") % {
                    end: date_format(template_localtime(value)) for end, value in ends.items()
                }

    def _progress(self, draft: BatchDraft) -> PreviewProgress:
        is_running = draft.preview_due_at is not None
        has_workers = is_running and heartbeats.active(timezone.now()).exists()
        url = self.admin_page("copy_draft_progress", draft.public_id)
        return PreviewProgress(draft, url, has_workers=has_workers)

    def _address(self, request: HttpRequest) -> str:
        """Return the address of the filter and page that a submit chose, or that it came from."""
        shown = {"show": request.GET.get("show", ""), "p": request.GET.get("p", "")}
        if "_show" in request.POST:
            shown = {"show": request.POST["_show"], "p": ""}
        if "_page" in request.POST:
            shown["p"] = request.POST["_page"]
        shown["show"] = shown["show"] if shown["show"] in FILTERS else ""
        query = urlencode({name: value for name, value in shown.items() if value})
        return f"{request.path}?{query}" if query else request.path

    def _batch_url(self, request: HttpRequest, batch: CopyBatch) -> str:
        if may_view_copies(self.admin_site, request) and self.admin_site.is_registered(CopyBatch):
            return page_url(self.admin_site, CopyBatch, "change", batch.pk)
        return ""

    def report_missing(self, request: HttpRequest, missing: int) -> None:
        """Show a message with the number of selected orders that were not found."""
        if missing:
            text = ngettext(
                "%(count)s order was not found and is left out.",
                "%(count)s orders were not found and are left out.",
                missing,
            )
            self.message_user(request, text % {"count": missing}, messages.WARNING)


def _is_key(text: str) -> bool:
    # Of a selected order: within 64 bits.
    return text.isascii() and text.isdecimal() and len(text) < len(str(2**63))
