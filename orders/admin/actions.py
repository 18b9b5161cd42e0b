"""Place, cancel, approve and archive orders from their list in the admin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from order_copies.conf import settings
from order_copies.db.locks import limited_wait
from order_copies.events.who import user_as_who
from order_copies.exceptions import GoneError, RowsLockedError
from order_copies.plans import Problem
from orders.admin.resources import ModelAdmin
from orders.api.permissions import may_change_orders
from orders.lifecycle import cancelling, placing
from orders.lifecycle.triggers import MOVES, Move, make
from orders.models import Order

#: How many orders are moved at once, and how many of those that are not are named.
MAX_ORDERS = 100
MAX_NAMED = 10

#: What an order can lack, by the attribute that is blank.
MISSING = {
    "customer_email": gettext_lazy("customer"),
    "line_items": gettext_lazy("something to sell"),
    "billing_address": gettext_lazy("billing address"),
    "shipping_address": gettext_lazy("shipping address"),
    "payment_source": gettext_lazy("valid payment source"),
}


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the admin says of a move.

    A move with a ``warning`` is made only after it was confirmed, with ``button``, on a page that
    says so and tells what ``foresee`` knows.
    """

    action: Any
    done: Any
    refused: Any
    warning: Any = ""
    button: Any = ""
    foresee: Callable[[Sequence[int]], list[list[Problem]]] | None = None


WORDS = {
    "place": Words(
        action=gettext_lazy("Place selected orders…"),
        done=ngettext_lazy("%(count)s order is placed.", "%(count)s orders are placed.", "count"),
        refused=ngettext_lazy(
            "%(count)s order was not placed:", "%(count)s orders were not placed:", "count"
        ),
        button=ngettext_lazy("Place %(count)s order", "Place %(count)s orders", "count"),
        warning=gettext_lazy(
            "Their payments are authorized, and what they need is taken from the stock."
        ),
        foresee=placing.rehearse,
    ),
    "cancel": Words(
        action=gettext_lazy("Cancel selected orders…"),
        done=ngettext_lazy(
            "%(count)s order is cancelled.", "%(count)s orders are cancelled.", "count"
        ),
        refused=ngettext_lazy(
            "%(count)s order was not cancelled:", "%(count)s orders were not cancelled:", "count"
        ),
        button=ngettext_lazy("Cancel %(count)s order", "Cancel %(count)s orders", "count"),
        warning=gettext_lazy(
            "Their payments are voided, and what they hold goes back to the stock. "
            "A cancelled order cannot be taken up again."
        ),
        foresee=cancelling.foresee,
    ),
    "approve": Words(
        action=gettext_lazy("Approve selected orders"),
        done=ngettext_lazy(
            "%(count)s order is approved.", "%(count)s orders are approved.", "count"
        ),
        refused=ngettext_lazy(
            "%(count)s order was not approved:", "%(count)s orders were not approved:", "count"
        ),
    ),
    "archive": Words(
        action=gettext_lazy("Archive selected orders"),
        done=ngettext_lazy(
            "%(count)s order is archived.", "%(count)s orders are archived.", "count"
        ),
        refused=ngettext_lazy(
            "%(count)s order was not archived:", "%(count)s orders were not archived:", "count"
        ),
    ),
    "unarchive": Words(
        action=gettext_lazy("Take selected orders out of the archive"),
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
}


class ArchivedFilter(admin.SimpleListFilter):
    """Whether orders were archived."""

    title = gettext_lazy("archive")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """In it, or not."""
        return [("no", _("Not archived")), ("yes", _("Archived"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The orders that are in the archive, or those that are not."""
        if self.value() not in {"no", "yes"}:
            return queryset
        return queryset.filter(archived_at__isnull=self.value() == "no")


def _action(move: Move) -> Callable[..., HttpResponse | None]:
    def act(
        order_admin: "MovesMixin", request: HttpRequest, queryset: "QuerySet[Order]"
    ) -> HttpResponse | None:
        return order_admin.move_orders(move, request, queryset)

    act.__name__ = f"{move.verb}_selected_orders"
    words = WORDS[move.verb]
    return admin.action(description=words.action, permissions=["move"])(act)


class MovesMixin(ModelAdmin):
    """The moves of orders as actions on their list, for those who may change orders."""

    actions: Sequence[Any] = [_action(move) for move in MOVES.values()]

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Whether the user may move orders: as over the API."""
        return may_change_orders(request.user)

    def move_orders(
        self, move: Move, request: HttpRequest, queryset: "QuerySet[Order]"
    ) -> HttpResponse | None:
        """Make a move with the selected orders; first let it be confirmed where that is due."""
        orders = list(queryset[: MAX_ORDERS + 1])
        if len(orders) > MAX_ORDERS:
            text = _("Only %(limit)s orders can be moved at once: please select fewer.")
            self.message_user(request, text % {"limit": MAX_ORDERS}, messages.ERROR)
            return None
        try:
            if WORDS[move.verb].foresee and "_confirmed" not in request.POST:
                return self._confirmation(move, request, orders)
            self._make(move, request, orders)
        except (GoneError, RowsLockedError) as error:
            self.message_user(request, str(error), messages.ERROR)
        return None

    def _make(self, move: Move, request: HttpRequest, orders: Sequence[Order]) -> None:
        words = WORDS[move.verb]
        answers = make(move, [order.pk for order in orders], who=user_as_who(request.user))
        refused = {order: told for order, told in zip(orders, answers, strict=True) if told}
        count = len(orders) - len(refused)
        if count:
            self.message_user(request, words.done % {"count": count}, messages.SUCCESS)
        if refused:
            intro = words.refused % {"count": len(refused)}
            self.message_user(request, _refusal(intro, refused), messages.WARNING)

    def _confirmation(
        self, move: Move, request: HttpRequest, orders: Sequence[Order]
    ) -> TemplateResponse:
        words = WORDS[move.verb]
        assert words.foresee is not None
        with limited_wait(settings.LOCK_TIMEOUT):
            answers = words.foresee([order.pk for order in orders])
        count = answers.count([])
        rows = [(order, _reasons(told)) for order, told in zip(orders, answers, strict=True)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Are you sure?"),
            "warning": words.warning,
            "action": f"{move.verb}_selected_orders",
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "rows": rows,
            "button": words.button % {"count": count} if count else "",
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/orders/order/confirm_move.html", context)


def _refusal(intro: str, refused: Mapping[Order, Sequence[Problem]]) -> SafeString:
    """Which orders were not moved, and why: the first of them by name."""
    count, named = len(refused), list(refused.items())[:MAX_NAMED]
    items = [(_link(order), _reasons(problems)) for order, problems in named]
    rest = ""
    if count > MAX_NAMED:
        more = ngettext("and %(count)s more", "and %(count)s more", count - MAX_NAMED)
        rest = format_html("<br>{}", more % {"count": count - MAX_NAMED})
    listed = format_html_join("", "<br>{} {}", items)
    return format_html("{}{}{}", intro, listed, rest)


def _reasons(problems: Sequence[Problem]) -> str:
    """The reasons in words, what is missing in one list."""
    missing = [str(MISSING[problem.attribute]) for problem in problems if problem.code == "blank"]
    reasons = [problem.message for problem in problems if problem.code != "blank"]
    if missing:
        reasons.append(_("missing: %(names)s") % {"names": ", ".join(missing)})
    return "; ".join(reasons)


def _link(order: Order) -> SafeString:
    url = reverse("admin:orders_order_change", args=[quote(order.pk)])
    return format_html('<a href="{}">{}</a>', url, order)
