"""Copy orders from a shop's own order admin: an action, a page and a button."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    lookup_field,
    quote,
)
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from order_copies import copying
from order_copies.admin.consequences import Consequences
from order_copies.admin.display import Preview, earlier_copies
from order_copies.admin.forms import CopyOrdersForm
from order_copies.admin.lineage import LineageMixin
from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_view_copies, refused_toggles
from order_copies.admin.submission import (
    Previewed,
    Selection,
    request_once,
    requested_before,
    requested_from,
)
from order_copies.admin.subscriptions.subscribing import SubscribeMixin
from order_copies.exceptions import RowsLockedError, SourceOrderGoneError
from order_copies.models import CopyBatch, OrderCopy

#: With at most this number of orders, all previews of the page are unfolded.
FEW_ORDERS = 5
#: The variable of the page of an order with the template that gets the button.
PARENT = "copy_orders_parent"


class CopyOrdersMixin(LineageMixin, SubscribeMixin):
    """Lets staff copy orders, and subscribe to them.

    Put it before ``ModelAdmin`` in the bases of your order admin.

    It adds the action "Copy selected orders…" to the list, and a button to the page of an order,
    for users who may view orders and have the permission ``order_copies.add_ordercopy``. Users
    also need permission to change the orders if they want to place the copies or cancel the
    originals. Only orders in the admin's ``get_queryset`` can be copied.

    Users with the permission ``order_copies.add_ordersubscription`` get a second button, which
    subscribes to the order.

    The buttons are added to the block ``object-tools-items`` of the template that your admin class
    uses, your own ``change_form_template`` or an overridden template included. A template without
    that block shows the buttons where it includes ``admin/order_copies/parts/copy_button.html``.
    """

    #: Columns that the page shows for each order, named as in ``list_display``.
    copy_orders_display: Sequence[str] = ()

    def has_copy_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may copy orders."""
        return may(request, "add") and self.has_view_permission(request)

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Return the shop's actions, and on the list of orders the action that copies.

        Django passes ``action_location`` since 6.1.
        """
        location = {} if action_location is None else {"action_location": action_location}
        actions = dict(super().get_actions(request, **location))
        on_list = getattr(action_location, "name", "CHANGE_LIST") == "CHANGE_LIST"
        if on_list and self.has_copy_permission(request) and IS_POPUP_VAR not in request.GET:
            actions["copy_selected_orders"] = self.get_action("copy_selected_orders")
        return actions

    @admin.action(permissions=["copy"], description=gettext_lazy("Copy selected orders…"))
    def copy_selected_orders(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> HttpResponse:
        """Redirect to the copy page of the selected orders."""
        limit = self.copy_orders_limit
        keys = list(queryset.values_list("pk", flat=True)[: limit + 1])
        if len(keys) > limit:
            text = ngettext(
                "Only %(limit)s order can be copied at once: here is the first.",
                "Only %(limit)s orders can be copied at once: here are the first.",
                limit,
            )
            self.message_user(request, text % {"limit": limit}, messages.WARNING)
        return self._redirect_to_new_page(keys[:limit])

    def copy_orders_url(self, keys: Iterable[Any]) -> str:
        """Return the URL of a new copy page for the orders with these primary keys."""
        ids = ",".join(quote(str(key)) for key in keys)
        return f"{self._admin_url('copy')}?ids={ids}"

    def _redirect_to_new_page(self, keys: Iterable[Any]) -> HttpResponseRedirect:
        return HttpResponseRedirect(f"{self.copy_orders_url(keys)}&request_key={uuid4()}")

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and that of the copy page."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_copy"
        view = self.admin_site.admin_view(self.copy_orders_view)
        return [path("copy/", view, name=name), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Render the page of an order with the buttons that copy it and subscribe to it."""
        order = kwargs.get("obj")
        if order is not None and self.has_copy_permission(request):
            context["copy_orders_url"] = self.copy_orders_url([order.pk])
        if order is not None and self.has_subscribe_permission(request):
            context["subscribe_url"] = self.subscribe_url(order.pk)
        if not {"copy_orders_url", "subscribe_url"} & context.keys():
            return super().render_change_form(request, context, *args, **kwargs)
        response = super().render_change_form(request, context, *args, **kwargs)
        if isinstance(response, TemplateResponse):
            template = response.resolve_template(response.template_name)
            response.context_data = {**(response.context_data or {}), PARENT: template}
            response.template_name = "admin/order_copies/copy_orders_change_form.html"
        return response

    def copy_orders_view(self, request: HttpRequest) -> HttpResponse:
        """Show a preview of the copies; create them on submit if the preview is still current.

        Copies that place or cancel orders are confirmed first, on a page with the sums.

        The address contains the idempotency key of the submit, so that the page keeps its key when
        the user goes back. Raises PermissionDenied.
        """
        if not self.has_copy_permission(request):
            raise PermissionDenied
        selection = self.copy_orders_selection(request)
        self._report_missing(request, selection)
        if not selection.orders:
            return HttpResponseRedirect(self._admin_url("changelist"))
        key = _request_key(request)
        if key is None and request.method != "POST":
            return self._redirect_to_new_page(order.pk for order in selection.orders)
        form = self._copy_orders_form(request, selection.orders, key)
        try:
            if form.is_valid() and "_copy" in request.POST:
                return self._copy(request, form, selection.orders)
            return self._copy_orders_page(request, form, selection.orders)
        except (SourceOrderGoneError, RowsLockedError) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def _copy_orders_form(
        self, request: HttpRequest, orders: Sequence[Any], key: UUID | None
    ) -> CopyOrdersForm:
        refused = refused_toggles(self.admin_site, request, orders)
        data = request.POST if request.method == "POST" else None
        return CopyOrdersForm(data, refused=refused, request_key=key)

    def _copy(
        self, request: HttpRequest, form: CopyOrdersForm, orders: Sequence[Any]
    ) -> HttpResponse:
        order_copies, key = form.order_copies(orders), form.cleaned_data["request_key"]
        if before := requested_before(order_copies, request_key=key, user=request.user):
            return self._copied(request, before, is_new=False)
        previews = self._previews(form, orders)
        stale = Previewed.of(order_copies, previews).why_stale(request.POST)
        if stale:
            return self._copy_orders_page(request, form, orders, stale)
        if Consequences.of([one.plan for one in previews]) and "_confirmed" not in request.POST:
            return self._confirmation_page(request, previews)
        for order_copy, preview in zip(order_copies, previews, strict=True):
            order_copy.plan_digest = preview.plan.digest
        batch, is_new = request_once(
            order_copies,
            request_key=key,
            user=request.user,
            reason=form.cleaned_data["reason"],
        )
        return self._copied(request, batch, is_new=is_new)

    def _confirmation_page(self, request: HttpRequest, previews: Sequence[Preview]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Are you sure?"),
            "changelist_url": self._admin_url("changelist"),
            "consequences": Consequences.of([preview.plan for preview in previews]),
            "left_out": sum(not preview.plan.will_complete for preview in previews),
            "count": len(previews),
            "submitted": [
                (name, value)
                for name, values in request.POST.lists()
                for value in values
                if name not in {"csrfmiddlewaretoken", "_copy", "_confirmed", "_preview"}
            ],
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/order_copies/confirm_copy.html", context)

    def _copied(self, request: HttpRequest, batch: CopyBatch, *, is_new: bool) -> HttpResponse:
        if is_new:
            text = ngettext(
                "%(count)s copy was requested.",
                "%(count)s copies were requested.",
                batch.size,
            )
            self.message_user(request, text % {"count": batch.size}, messages.SUCCESS)
        else:
            text = _("These copies had been requested already. Nothing was copied twice.")
            self.message_user(request, text, messages.WARNING)
        url = self._batch_url(request, batch) or self._admin_url("changelist")
        return HttpResponseRedirect(url)

    def _batch_url(self, request: HttpRequest, batch: CopyBatch) -> str:
        if may_view_copies(self.admin_site, request) and self.admin_site.is_registered(CopyBatch):
            return page_url(self.admin_site, CopyBatch, "change", batch.pk)
        return ""

    def _copy_orders_page(
        self, request: HttpRequest, form: CopyOrdersForm, orders: Sequence[Any], stale: str = ""
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Copy orders"),
            "changelist_url": self._admin_url("changelist"),
            "media": self.media,
        }
        before = requested_from(orders, request_key=form.next_request_key, user=request.user)
        if before:
            template = "admin/order_copies/copied_already.html"
            context |= self._copied_already(request, orders, before)
        else:
            template = "admin/order_copies/copy_orders.html"
            context |= self._preview_context(request, form, orders) | {"stale": stale}
        # Makes the links in the templates stay on this admin site, as in Django's views.
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, context)

    def _copied_already(
        self, request: HttpRequest, orders: Sequence[Any], before: CopyBatch
    ) -> dict[str, Any]:
        copies = OrderCopy.objects.filter(batch=before, source_order__in=orders)
        return {
            "order_copies": copies.order_by("pk"),
            "copies_url": self._batch_url(request, before),
            "new_page_url": self.copy_orders_url(order.pk for order in orders),
        }

    def _preview_context(
        self, request: HttpRequest, form: CopyOrdersForm, orders: Sequence[Any]
    ) -> dict[str, Any]:
        previews = self._previews(form, orders)
        return {
            "form": form,
            "previews": previews,
            "previewed": Previewed.of(form.order_copies(orders), previews),
            "may_view_copies": may_view_copies(self.admin_site, request),
            "kinds": _counts(previews),
            "consequences": Consequences.of([preview.plan for preview in previews]),
            # A bound form without the button is a preview, which needs no key: hide that error.
            "show_errors": "_copy" in request.POST or form.errors.keys() - {"request_key"},
        }

    def _previews(self, form: CopyOrdersForm, orders: Sequence[Any]) -> list[Preview]:
        plans = copying.preview_copies(form.order_copies(orders))
        is_open = len(orders) <= FEW_ORDERS
        earlier = earlier_copies(orders)
        return [
            Preview(order, self._cells(order), plan, earlier.get(order.pk), is_open=is_open)
            for order, plan in zip(orders, plans, strict=True)
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

    def _report_missing(self, request: HttpRequest, selection: Selection) -> None:
        if not selection.orders:
            self.message_user(request, _("Select the orders to copy."), messages.ERROR)
        elif selection.missing:
            text = ngettext(
                "%(count)s order was not found and is left out.",
                "%(count)s orders were not found and are left out.",
                selection.missing,
            )
            self.message_user(request, text % {"count": selection.missing}, messages.WARNING)

    def _admin_url(self, view: str) -> str:
        return page_url(self.admin_site, self.model, view)


def _request_key(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("request_key", ""))
    except ValueError:
        return None


def _counts(previews: Sequence[Preview]) -> list[tuple[str, str, int]]:
    # The number of previews per verdict: kind, text, number.
    counts: dict[tuple[str, str], int] = {}
    for preview in previews:
        key = (preview.kind, preview.verdict)
        counts[key] = counts.get(key, 0) + 1
    return [(kind, verdict, count) for (kind, verdict), count in counts.items()]
