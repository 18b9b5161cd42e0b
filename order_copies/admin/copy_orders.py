"""Copy orders from a shop's own order admin: an action and a button that lead to the copy page."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin import drafts
from order_copies.admin.copy_page import CHUNK, CopyPageMixin
from order_copies.admin.lineage import LineageMixin
from order_copies.admin.permissions import refused_toggles
from order_copies.admin.subscriptions.subscribing import SubscribeMixin

#: The variable of the page of an order with the template that gets the button.
PARENT = "copy_orders_parent"


class CopyOrdersMixin(LineageMixin, CopyPageMixin, SubscribeMixin):
    """Lets staff copy orders, and subscribe to them.

    Put it before ``ModelAdmin`` in the bases of your order admin.

    It adds the action "Copy selected orders…" to the list, and a button to the page of an order,
    for users who may view orders and have the permission ``order_copies.add_ordercopy``. Users
    also need permission to change the orders if they want to place the copies or cancel the
    originals. Only orders in the admin's ``get_queryset`` can be copied.

    Users with the permission ``order_copies.add_ordersubscription`` get a second button, which
    subscribes to the order.

    The buttons are added to the block ``object-tools-items`` of the template that your admin class
    uses, your own ``change_form_template`` or an overridden template included. If a template has no
    such block, include ``admin/order_copies/parts/copy_button.html`` in it.
    """

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
        """Make a draft of the selected orders, of any number, and redirect to its copy page."""
        return self._new_draft(request, self._keys(request, queryset))

    def _keys(self, request: HttpRequest, orders: "models.QuerySet[Any]") -> Iterator[Any]:
        # An admin with Django's own permissions has the same for all orders: load none.
        if type(self).has_view_permission is admin.ModelAdmin.has_view_permission:
            yield from orders.values_list("pk", flat=True).iterator(CHUNK)
        else:
            for order in orders.iterator(CHUNK):
                if self.has_view_permission(request, order):
                    yield order.pk

    def copy_orders_url(self, keys: Iterable[Any]) -> str:
        """Return the URL that opens a new copy page for the orders with these primary keys."""
        ids = ",".join(quote(str(key)) for key in keys)
        return f"{self.admin_page('copy')}?ids={ids}"

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and that of new copy pages."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_copy"
        view = self.admin_site.admin_view(self.copy_orders_view)
        return [path("copy/", view, name=name), *super().get_urls()]

    def copy_orders_view(self, request: HttpRequest) -> HttpResponse:
        """Make a draft of the orders that the address names, and redirect to its copy page.

        Raises PermissionDenied.
        """
        if not self.has_copy_permission(request):
            raise PermissionDenied
        selection = self.named_orders(request)
        if not selection.orders:
            self.message_user(request, _("Select the orders to copy."), messages.ERROR)
            return HttpResponseRedirect(self.admin_page("changelist"))
        self.report_missing(request, selection.missing)
        return self._new_draft(request, [order.pk for order in selection.orders])

    def _new_draft(self, request: HttpRequest, keys: Iterable[Any]) -> HttpResponse:
        refused = refused_toggles(self.admin_site, request, [])
        draft = drafts.create(keys, user=request.user, refused=refused)
        return HttpResponseRedirect(self.admin_page("copy_draft", draft.public_id))

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
