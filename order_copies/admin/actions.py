"""Admin actions and buttons that abort and retry copies."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from order_copies import copying
from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_retry
from order_copies.events.recording import user_actor
from order_copies.exceptions import OrderCopiesError
from order_copies.models import OrderCopy
from order_copies.plans import Problem
from order_copies.transitions import ABORTABLE, RETRYABLE

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderCopy]
else:
    Base = object

#: The largest number of refused copies that a message names.
MAX_NAMED = 10


class Intervention(NamedTuple):
    """An operation on copies, with its messages to the user."""

    #: Runs the operation on a list of copies, and returns the problems of each.
    act: Callable[..., list[list[Problem]]]
    #: Message with the number of copies that it was applied to.
    done: Promise
    #: Message with the number of copies that refused it.
    refused: Promise


interventions = {
    "abort": Intervention(
        copying.abort,
        ngettext_lazy("%d copy was aborted.", "%d copies were aborted."),
        ngettext_lazy("%d copy could not be aborted", "%d copies could not be aborted"),
    ),
    "retry": Intervention(
        copying.retry,
        ngettext_lazy("%d copy will be retried.", "%d copies will be retried."),
        ngettext_lazy("%d copy could not be retried", "%d copies could not be retried"),
    ),
}


class InterveningMixin(Base):
    """Aborts and retries copies, by actions of the list and by buttons on the page of a copy."""

    def has_abort_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may abort copies."""
        return self.has_view_permission(request) and may(request, "abort")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry copies."""
        return self.has_view_permission(request) and may(request, "retry")

    def may_intervene(self, request: HttpRequest, verb: str, order_copy: OrderCopy) -> bool:
        """Return whether the user may abort or retry this copy."""
        if not self.has_view_permission(request, order_copy):
            return False
        if verb == "retry":
            return may_retry(self.admin_site, request, [order_copy])
        return may(request, verb)

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and those of the buttons."""
        view = self.admin_site.admin_view(self.intervene_view)
        return [
            *(
                path(
                    f"<path:object_id>/{verb}/",
                    view,
                    {"verb": verb},
                    name=f"order_copies_ordercopy_{verb}",
                )
                for verb in interventions
            ),
            *super().get_urls(),
        ]

    @admin.action(
        permissions=["abort"],
        description=gettext_lazy("Abort selected %(verbose_name_plural)s"),
    )
    def abort_selected(self, request: HttpRequest, queryset: "QuerySet[OrderCopy]") -> None:
        """Abort the selected copies that have not ended; a message names the others."""
        self._intervene(request, queryset, interventions["abort"])

    @admin.action(
        permissions=["retry"],
        description=gettext_lazy("Retry selected %(verbose_name_plural)s"),
    )
    def retry_selected(self, request: HttpRequest, queryset: "QuerySet[OrderCopy]") -> None:
        """Retry the selected copies that failed or were aborted; a message names the others."""
        if may_retry(self.admin_site, request, queryset):
            self._intervene(request, queryset, interventions["retry"])
        else:
            text = _("You do not have permission for what these copies do when they are retried.")
            self.message_user(request, text, messages.ERROR)

    def intervene_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """Apply ``verb`` to one copy, and redirect to its page. Raises PermissionDenied."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        order_copy = self.get_object(request, unquote(object_id))
        if order_copy is None and not self.has_view_permission(request):
            raise PermissionDenied
        if order_copy is not None:
            if not self.may_intervene(request, verb, order_copy):
                raise PermissionDenied
            self._intervene(request, [order_copy], interventions[verb])
        page = page_url(self.admin_site, OrderCopy, "change", unquote(object_id))
        return HttpResponseRedirect(page)

    def verbs_for(self, request: HttpRequest, order_copy: OrderCopy) -> Iterator[tuple[str, Any]]:
        """Yield the verbs that the user may apply to the copy now, with the labels of buttons."""
        if order_copy.status in ABORTABLE and self.may_intervene(request, "abort", order_copy):
            yield "abort", _("Abort")
        is_over = order_copy.status in RETRYABLE and not copying.why_not_retried(order_copy)
        if is_over and self.may_intervene(request, "retry", order_copy):
            yield "retry", _("Retry")

    def _intervene(
        self, request: HttpRequest, order_copies: Any, intervention: Intervention
    ) -> None:
        order_copies = list(order_copies)
        try:
            found = intervention.act(order_copies, actor=user_actor(request.user))
        except OrderCopiesError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        refusals = [
            (order_copy, problems)
            for order_copy, problems in zip(order_copies, found, strict=True)
            if problems
        ]
        done = len(order_copies) - len(refusals)
        if done:
            self.message_user(request, str(intervention.done % done), messages.SUCCESS)
        if refusals:
            self.message_user(request, refusals_in_words(intervention, refusals), messages.ERROR)


def refusals_in_words(
    intervention: Intervention, refusals: Sequence[tuple[OrderCopy, list[Problem]]]
) -> str:
    """Return the message about the copies that refused an operation, with their reasons."""
    return f"{intervention.refused % len(refusals)}: {_reasons(refusals)}."


def _reasons(refusals: Sequence[tuple[OrderCopy, list[Problem]]]) -> str:
    named = [
        f"{order_copy} ({'; '.join(problem.message for problem in problems)})"
        for order_copy, problems in refusals[:MAX_NAMED]
    ]
    if more := len(refusals) - len(named):
        named.append(_("and %(count)d more") % {"count": more})
    return ", ".join(named)
