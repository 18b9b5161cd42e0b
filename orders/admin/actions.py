"""Place, cancel, approve, archive and subscribe to orders from their list in the admin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_turn_on
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import user_actor
from order_copies.exceptions import GoneError, RowsLockedError
from order_copies.plans import Problem
from orders.admin.resources import ModelAdmin
from orders.api.permissions import may_change_orders
from orders.lifecycle import cancelling, placing, subscribing
from orders.lifecycle.triggers import ORDER_ACTIONS, OrderAction, run_action
from orders.models import Order

#: The maximum number of orders that one action runs on.
MAX_ORDERS = 100
#: The maximum number of refused orders that a message names.
MAX_NAMED = 10

#: The names of what an order lacks, by the attribute of the problem with the code ``blank``.
MISSING = {
    "customer_email": gettext_lazy("customer"),
    "line_items": gettext_lazy("items"),
    "billing_address": gettext_lazy("billing address"),
    "shipping_address": gettext_lazy("shipping address"),
    "payment_source": gettext_lazy("valid payment source"),
}


@dataclass(frozen=True, kw_only=True)
class ActionTexts:
    """The texts of an action on orders. ``done``, ``refused`` and ``button`` count the orders.

    An action with ``rehearse`` needs a confirmation: a page shows the ``warning``, the problems
    that ``rehearse`` returns, and the ``button``.
    """

    label: Any
    done: Any
    refused: Any
    warning: Any = ""
    button: Any = ""
    rehearse: Callable[[Sequence[int]], list[list[Problem]]] | None = None


TEXTS = {
    "place": ActionTexts(
        label=gettext_lazy("Place selected orders…"),
        done=ngettext_lazy("%(count)s order is placed.", "%(count)s orders are placed.", "count"),
        refused=ngettext_lazy(
            "%(count)s order was not placed:", "%(count)s orders were not placed:", "count"
        ),
        button=ngettext_lazy("Place %(count)s order", "Place %(count)s orders", "count"),
        warning=gettext_lazy("Placing authorizes their payments and reserves their stock."),
        rehearse=placing.rehearse,
    ),
    "cancel": ActionTexts(
        label=gettext_lazy("Cancel selected orders…"),
        done=ngettext_lazy(
            "%(count)s order is cancelled.", "%(count)s orders are cancelled.", "count"
        ),
        refused=ngettext_lazy(
            "%(count)s order was not cancelled:", "%(count)s orders were not cancelled:", "count"
        ),
        button=ngettext_lazy("Cancel %(count)s order", "Cancel %(count)s orders", "count"),
        warning=gettext_lazy(
            "Cancelling voids their payments and releases their stock. "
            "A cancelled order cannot be reopened."
        ),
        rehearse=cancelling.rehearse,
    ),
    "approve": ActionTexts(
        label=gettext_lazy("Approve selected orders"),
        done=ngettext_lazy(
            "%(count)s order is approved.", "%(count)s orders are approved.", "count"
        ),
        refused=ngettext_lazy(
            "%(count)s order was not approved:", "%(count)s orders were not approved:", "count"
        ),
    ),
    "archive": ActionTexts(
        label=gettext_lazy("Archive selected orders"),
        done=ngettext_lazy(
            "%(count)s order is archived.", "%(count)s orders are archived.", "count"
        ),
        refused=ngettext_lazy(
            "%(count)s order was not archived:", "%(count)s orders were not archived:", "count"
        ),
    ),
    "unarchive": ActionTexts(
        label=gettext_lazy("Take selected orders out of the archive"),
        done=ngettext_lazy(
            "%(count)s order is out of the archive.",
            "%(count)s orders are out of the archive.",
            "count",
        ),
        refused=ngettext_lazy(
            "%(count)s order stays in the archive:",
            "%(count)s orders stay in the archive:",
            "count",
        ),
    ),
    "create_subscriptions": ActionTexts(
        label=gettext_lazy("Subscribe to selected orders…"),
        done=ngettext_lazy(
            "%(count)s order has its subscriptions.",
            "%(count)s orders have their subscriptions.",
            "count",
        ),
        refused=ngettext_lazy(
            "%(count)s order has no subscriptions:",
            "%(count)s orders have no subscriptions:",
            "count",
        ),
        button=ngettext_lazy(
            "Subscribe to %(count)s order", "Subscribe to %(count)s orders", "count"
        ),
        warning=gettext_lazy(
            "Items with a frequency are ordered again at that frequency, and paid from the "
            "customer's wallet, until the subscription is cancelled."
        ),
        rehearse=subscribing.rehearse,
    ),
}


class ArchivedFilter(admin.SimpleListFilter):
    """A filter of the list by whether orders are archived."""

    title = gettext_lazy("archive")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the two choices of the filter."""
        return [("no", _("Not archived")), ("yes", _("Archived"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return the orders that match the choice; all orders without one."""
        if self.value() not in {"no", "yes"}:
            return queryset
        return queryset.filter(archived_at__isnull=self.value() == "no")


def _admin_action(action: OrderAction) -> Callable[..., HttpResponse | None]:
    def run(
        order_admin: "OrderActionsMixin", request: HttpRequest, queryset: "QuerySet[Order]"
    ) -> HttpResponse | None:
        return order_admin.run_order_action(action, request, queryset)

    run.__name__ = f"{action.verb}_selected_orders"
    label = TEXTS[action.verb].label
    permission = "subscribing_action" if action.subscribes else "order_action"
    return admin.action(description=label, permissions=[permission])(run)


class OrderActionsMixin(ModelAdmin):
    """The actions on orders in their list, for users who may change orders."""

    actions: Sequence[Any] = [_admin_action(action) for action in ORDER_ACTIONS.values()]

    def has_order_action_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run actions on orders: the rule of the API."""
        return may_change_orders(request.user)

    def has_subscribing_action_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may subscribe to orders, and have new orders placed."""
        may_add = request.user.has_perm("order_copies.add_ordersubscription")
        may_place = may_turn_on(self.admin_site, request, ["place_target_order"], [])
        return may_add and may(request, "add") and may_place

    def run_order_action(
        self, action: OrderAction, request: HttpRequest, queryset: "QuerySet[Order]"
    ) -> HttpResponse | None:
        """Run an action on the selected orders, or return its confirmation page."""
        orders = list(queryset[: MAX_ORDERS + 1])
        if len(orders) > MAX_ORDERS:
            text = _("Too many orders are selected: select at most %(limit)s.")
            self.message_user(request, text % {"limit": MAX_ORDERS}, messages.ERROR)
            return None
        try:
            if TEXTS[action.verb].rehearse and "_confirmed" not in request.POST:
                return self._confirmation(action, request, orders)
            self._run(action, request, orders)
        except (GoneError, RowsLockedError) as error:
            self.message_user(request, str(error), messages.ERROR)
        return None

    def _run(self, action: OrderAction, request: HttpRequest, orders: Sequence[Order]) -> None:
        texts, keys = TEXTS[action.verb], [order.pk for order in orders]
        answers = run_action(action, keys, who=user_actor(request.user))
        refused = {
            order: problems for order, problems in zip(orders, answers, strict=True) if problems
        }
        count = len(orders) - len(refused)
        if count:
            self.message_user(request, texts.done % {"count": count}, messages.SUCCESS)
        if refused:
            intro = texts.refused % {"count": len(refused)}
            self.message_user(request, self._refusal(intro, refused), messages.WARNING)

    def _confirmation(
        self, action: OrderAction, request: HttpRequest, orders: Sequence[Order]
    ) -> TemplateResponse:
        texts = TEXTS[action.verb]
        assert texts.rehearse is not None
        with limited_wait(settings.LOCK_TIMEOUT):
            answers = texts.rehearse([order.pk for order in orders])
        count = answers.count([])
        rows = [
            (order, _reasons(problems)) for order, problems in zip(orders, answers, strict=True)
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Are you sure?"),
            "warning": texts.warning,
            "action": f"{action.verb}_selected_orders",
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "rows": rows,
            "button": texts.button % {"count": count} if count else "",
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/orders/order/confirm_action.html", context)

    def _refusal(self, intro: str, refused: Mapping[Order, Sequence[Problem]]) -> SafeString:
        # The first refused orders, their reasons, and the number of the others.
        count, named = len(refused), list(refused.items())[:MAX_NAMED]
        items = [(self._link(order), _reasons(problems)) for order, problems in named]
        rest = ""
        if count > MAX_NAMED:
            more = ngettext("and %(count)s more", "and %(count)s more", count - MAX_NAMED)
            rest = format_html("<br>{}", more % {"count": count - MAX_NAMED})
        listed = format_html_join("", "<br>{} {}", items)
        return format_html("{}{}{}", intro, listed, rest)

    def _link(self, order: Order) -> SafeString:
        url = page_url(self.admin_site, Order, "change", order.pk)
        return format_html('<a href="{}">{}</a>', url, order)


def _reasons(problems: Sequence[Problem]) -> str:
    """Return the messages of problems in one line, with one list of what the order lacks."""
    missing = [str(MISSING[problem.attribute]) for problem in problems if problem.code == "blank"]
    reasons = [problem.message for problem in problems if problem.code != "blank"]
    if missing:
        reasons.append(_("missing: %(names)s") % {"names": ", ".join(missing)})
    return "; ".join(reasons)
