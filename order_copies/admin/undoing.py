"""Undo one copy from its page, after a confirmation."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from order_copies import copying
from order_copies.admin.comparison import Comparison, compare
from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_change_orders, may_view_orders
from order_copies.admin.timeline import Timeline
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import user_actor
from order_copies.exceptions import OrderCopiesError
from order_copies.models import OrderCopy, Status
from order_copies.plans import Problem

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderCopy]
else:
    Base = object


class UndoingMixin(Base):
    """Undoes a completed copy, and says on its page why that is not possible."""

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and that of the confirmation."""
        view = self.admin_site.admin_view(self.undo_view)
        undo = path("<path:object_id>/undo/", view, name="order_copies_ordercopy_undo")
        return [undo, *super().get_urls()]

    def may_undo(self, request: HttpRequest, order_copy: OrderCopy) -> bool:
        """Return whether the user may undo copies, and change the orders of this one."""
        orders = [order_copy.target_order]
        orders += [order_copy.source_order] if order_copy.cancel_source_order else []
        found = [order for order in orders if order is not None]
        return (
            self.has_view_permission(request, order_copy)
            and may(request, "undo")
            and may_change_orders(self.admin_site, request, found)
        )

    def comparison_of(self, request: HttpRequest, order_copy: OrderCopy) -> Comparison:
        """Return the comparison of the orders, with what the user may see of them."""
        orders = [order_copy.source_order, order_copy.target_order]
        found = [order for order in orders if order is not None]
        return compare(order_copy, describes=may_view_orders(self.admin_site, request, found))

    def undo_context(self, request: HttpRequest, order_copy: OrderCopy) -> dict[str, Any]:
        """Return the address of the undo for the page of a copy, or why there is none."""
        if order_copy.status != Status.COMPLETED or not self.may_undo(request, order_copy):
            return {}
        if problems := copying.why_not_undone(order_copy):
            return {"why_not_undone": _reason(problems)}
        return {"undo_url": page_url(self.admin_site, OrderCopy, "undo", order_copy.pk)}

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Confirm the undo of one copy, with its sum; undo it on submit. Raises PermissionDenied.

        A copy that was undone before, by a second submit, is left as it is, with a message.
        """
        order_copy: OrderCopy | None = self.get_object(request, unquote(object_id))
        page = page_url(self.admin_site, OrderCopy, "change", unquote(object_id))
        if order_copy is None:
            if not self.has_view_permission(request):
                raise PermissionDenied
            # The change page says that there is no such copy.
            return HttpResponseRedirect(page)
        if not self.may_undo(request, order_copy):
            raise PermissionDenied
        try:
            if request.method != "POST":
                return self._confirmation(request, order_copy, page)
            self._undo(request, order_copy)
        except OrderCopiesError as error:
            self.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(page)

    def _undo(self, request: HttpRequest, order_copy: OrderCopy) -> None:
        if Timeline(order_copy).undo:
            text = _("The copy was undone already. Nothing was changed.")
            self.message_user(request, text, messages.INFO)
            return
        with limited_wait(settings.LOCK_TIMEOUT):
            problems = copying.undo(order_copy, actor=user_actor(request.user))
            if not problems:
                key: Any = request.user.pk
                LogEntry.objects.log_actions(key, [order_copy], CHANGE, _("Undone."))
        if problems:
            text = _("The copy was not undone: %(reason)s.") % {"reason": _reason(problems)}
            self.message_user(request, text, messages.ERROR)
        elif order_copy.cancel_source_order and not order_copy.errors_count:
            text = _(
                "The copy is undone: %(target)s is cancelled, and %(source)s is reinstated without "
                "a payment. Place it to charge the customer."
            )
            words = {"target": order_copy.target_order, "source": order_copy.source_order}
            self.message_user(request, text % words, messages.SUCCESS)
        else:
            text = _("The copy is undone: %(target)s is cancelled.")
            words = {"target": order_copy.target_order}
            self.message_user(request, text % words, messages.SUCCESS)

    def _confirmation(
        self, request: HttpRequest, order_copy: OrderCopy, page: str
    ) -> TemplateResponse:
        comparison = self.comparison_of(request, order_copy)
        problems = copying.why_not_undone(order_copy)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": order_copy,
            "title": _("Undo copy %(id)s") % {"id": order_copy.public_id},
            "page": page,
            "reason": _reason(problems),
            "total": comparison.totals[-1] if comparison.has_copy else None,
            "currency_code": comparison.currency_code,
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/order_copies/ordercopy/undo.html", context)


def _reason(problems: list[Problem]) -> str:
    return "; ".join(problem.message for problem in problems)
