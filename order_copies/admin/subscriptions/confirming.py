"""Confirm a verb for one subscription or for many, run it once, and report what it did."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_turn_on
from order_copies.admin.subscriptions.forms import PauseForm
from order_copies.admin.subscriptions.verbs import ACTIONS, VERBS, Facts, Outcome, Verb
from order_copies.admin.subscriptions.words import add_problems, instant, refusal, status_label
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import user_actor
from order_copies.exceptions import OrderCopiesError, SubscriptionRefusedError
from order_copies.models import OrderSubscription, SubscriptionStatus
from order_copies.plans import Problem
from order_copies.subscriptions import changes
from order_copies.subscriptions.transitions import lock

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderSubscription]
else:
    Base = object

#: The largest number of subscriptions of one action: Django accepts 1,000 fields in a form.
MAX_SELECTED = 200
#: The largest number of refused subscriptions that a message names.
MAX_NAMED = 10
#: The field with the next run of each subscription, as the confirmation shows it.
SHOWN = "shown"


def _admin_action(name: str) -> Callable[..., HttpResponse | None]:
    verb = VERBS[name]

    def run(
        model_admin: "ConfirmingMixin", request: HttpRequest, queryset: "QuerySet[Any]"
    ) -> HttpResponse | None:
        return model_admin.run_action(request, queryset, name)

    run.__name__ = f"{name}_selected"
    permission = "start" if verb.starts_copies else "change"
    label: Any = verb.action
    return admin.action(description=label, permissions=[permission])(run)


#: The toggle of subscriptions that have their copies placed.
PLACING = ["place_target_order"]


class ConfirmingMixin(Base):
    """The buttons of the page of a subscription, and the actions of the list."""

    actions: Any = [*map(_admin_action, ACTIONS), "delete_selected"]

    def has_start_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may have subscriptions make copies, as "Copy" does."""
        return may(request, "add") and self.has_change_permission(request, obj)

    def may_start(
        self, request: HttpRequest, order_subscriptions: Sequence[OrderSubscription]
    ) -> bool:
        """Return whether the user may have these make copies, and place orders if they do so."""
        if not self.has_start_permission(request):
            return False
        placing = {
            one.source_order_id: one.source_order
            for one in order_subscriptions
            if one.place_target_order and one.source_order
        }
        sources = list(placing.values())
        return not placing or may_turn_on(self.admin_site, request, PLACING, sources)

    def may_use(
        self, request: HttpRequest, verb: Verb, order_subscription: OrderSubscription
    ) -> bool:
        """Return whether the user may use a verb on this subscription."""
        if not self.has_change_permission(request, order_subscription):
            return False
        return not verb.starts_copies or self.may_start(request, [order_subscription])

    def verbs_for(
        self, request: HttpRequest, order_subscription: OrderSubscription
    ) -> list[tuple[str, Any]]:
        """Return the names and labels of the buttons of this subscription for the user."""
        one, now = order_subscription, timezone.now()
        names = [
            name
            for name, verb in VERBS.items()
            if verb.is_offered(one, now) and self.may_use(request, verb, one)
        ]
        labels = [(name, str(VERBS[name].label)) for name in names]
        if one.status == SubscriptionStatus.INACTIVE:
            labels = [(name, _("Resume") if name == "activate" else text) for name, text in labels]
        if _can_pause(one) and self.has_change_permission(request, one):
            labels.insert(-1 if labels else 0, ("pause", _("Pause until…")))
        return labels

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs, and those of the confirmations."""
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view(self.verb_view)
        pause = self.admin_site.admin_view(self.pause_view)
        urls = [
            path(f"<path:object_id>/{name}/", view, {"name": name}, name=f"{prefix}_{name}")
            for name in VERBS
        ]
        pausing = path("<path:object_id>/pause/", pause, name=f"{prefix}_pause")
        return [*urls, pausing, *super().get_urls()]

    def verb_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Confirm a verb for one subscription; run it on submit. Raises PermissionDenied."""
        one = self._get(request, object_id)
        if one is None:
            return self._gone(request)
        if not self.may_use(request, VERBS[name], one):
            raise PermissionDenied
        if request.method != "POST":
            page = self._confirmation(request, name, [one], back=self._page(one))
            page.context_data = {**(page.context_data or {}), "original": one}
            return page
        self._run(request, VERBS[name], [one])
        return HttpResponseRedirect(self._page(one))

    def run_action(
        self, request: HttpRequest, queryset: "QuerySet[OrderSubscription]", name: str
    ) -> HttpResponse | None:
        """Confirm a verb for the selected subscriptions, or run it."""
        selected = list(queryset[: MAX_SELECTED + 1])
        if len(selected) > MAX_SELECTED:
            text = _("Too many subscriptions are selected: select at most %(limit)s.")
            self.message_user(request, text % {"limit": MAX_SELECTED}, messages.ERROR)
            return None
        if VERBS[name].starts_copies and not self.may_start(request, selected):
            text = _("You need permission to change the orders of all selected subscriptions.")
            self.message_user(request, text, messages.ERROR)
            return None
        if "_confirmed" not in request.POST:
            return self._confirmation(request, name, selected, back=request.get_full_path())
        self._run(request, VERBS[name], selected)
        return None

    def pause_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask until when a subscription pauses; pause it on submit. Raises PermissionDenied."""
        one = self._get(request, object_id)
        if one is None:
            return self._gone(request)
        if not self.has_change_permission(request, one):
            raise PermissionDenied
        form = PauseForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and self._pause(request, one, form):
            return HttpResponseRedirect(self._page(one))
        context = {"form": form, "original": one, "back": self._page(one)}
        return self._render(request, "pause.html", _("Pause the subscription"), context)

    def _pause(self, request: HttpRequest, one: OrderSubscription, form: PauseForm) -> bool:
        resumes_at = form.cleaned_data["resumes_at"]
        try:
            changes.update(one, {"resumes_at": resumes_at}, actor=user_actor(request.user))
        except SubscriptionRefusedError as error:
            add_problems(form, error.problems)
            return False
        except OrderCopiesError as error:
            self.message_user(request, str(error), messages.ERROR)
            return True
        self._log(request, [one], _("Paused."))
        text = _("The subscription is paused until %(instant)s") % {"instant": instant(resumes_at)}
        self.message_user(request, text, messages.SUCCESS)
        return True

    def _confirmation(
        self,
        request: HttpRequest,
        name: str,
        order_subscriptions: Sequence[OrderSubscription],
        *,
        back: str,
    ) -> TemplateResponse:
        verb, facts = VERBS[name], Facts.of(order_subscriptions, timezone.now())
        rows = [
            (one, _outcome(verb, one, facts), _token(one), status_label(one))
            for one in order_subscriptions
        ]
        count = sum(not row[1].is_refused for row in rows)
        context = {
            "action": f"{name}_selected",
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "shown_name": SHOWN,
            "warning": verb.warning,
            "rows": rows,
            "button": verb.button % {"count": count} if count else "",
            "left_out": len(rows) - count,
            "back": back,
        }
        title = verb.title % {"count": count or len(rows)}
        return self._render(request, "confirm.html", title, context)

    def _render(
        self, request: HttpRequest, template: str, title: str, context: Mapping[str, Any]
    ) -> TemplateResponse:
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "media": self.media,
            **context,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"admin/order_copies/ordersubscription/{template}", page)

    def _run(
        self, request: HttpRequest, verb: Verb, order_subscriptions: Sequence[OrderSubscription]
    ) -> None:
        shown = set(request.POST.getlist(SHOWN))
        try:
            with limited_wait(settings.LOCK_TIMEOUT):
                # Locked before the comparison, so that two submits cannot both find it unchanged.
                current = lock(order_subscriptions)
                stale = [one for one in current if verb.takes_slot and _token(one) not in shown]
                done = [one for one in current if verb.is_done(one)]
                rest = [one for one in current if one not in stale and one not in done]
                refusals = verb.act(rest, actor=user_actor(request.user))
                acted = [one for one, why in zip(rest, refusals, strict=True) if not why]
                self._log(request, acted, f"{str(verb.label).rstrip('…')}.")
        except OrderCopiesError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        refused = [(one, why) for one, why in zip(rest, refusals, strict=True) if why]
        self._report(request, verb, len(acted), done, stale)
        if refused:
            self.message_user(request, self._refusal(refused), messages.ERROR)

    def _report(
        self,
        request: HttpRequest,
        verb: Verb,
        count: int,
        done: Sequence[OrderSubscription],
        stale: Sequence[OrderSubscription],
    ) -> None:
        if count:
            self.message_user(request, str(verb.done % {"count": count}), messages.SUCCESS)
        if done:
            text = ngettext(
                "%(count)s subscription was so already: nothing was changed.",
                "%(count)s subscriptions were so already: nothing was changed.",
                len(done),
            )
            self.message_user(request, text % {"count": len(done)}, messages.INFO)
        if stale:
            text = ngettext(
                "The next run of %(count)s subscription has changed since you saw it. Nothing was "
                "done to it: check it, then try again.",
                "The next runs of %(count)s subscriptions have changed since you saw them. Nothing "
                "was done to them: check them, then try again.",
                len(stale),
            )
            self.message_user(request, text % {"count": len(stale)}, messages.WARNING)

    def _refusal(self, refused: Sequence[tuple[OrderSubscription, list[Problem]]]) -> SafeString:
        text = ngettext(
            "%(count)s subscription was left out:",
            "%(count)s subscriptions were left out:",
            len(refused),
        )
        rows = [(self._page(one), one, refusal(why, one)) for one, why in refused[:MAX_NAMED]]
        listed = format_html_join("", '<br><a href="{}">{}</a>: {}', rows)
        more = ""
        if count := len(refused) - len(rows):
            more = format_html("<br>{}", _("and %(count)d more") % {"count": count})
        return format_html("{}{}{}", text % {"count": len(refused)}, listed, more)

    def _log(
        self, request: HttpRequest, order_subscriptions: Sequence[OrderSubscription], text: str
    ) -> None:
        if order_subscriptions:
            key = request.user.pk
            LogEntry.objects.log_actions(key, order_subscriptions, CHANGE, text)  # type: ignore[arg-type]

    def _get(self, request: HttpRequest, object_id: str) -> OrderSubscription | None:
        found: OrderSubscription | None = self.get_object(request, unquote(object_id))
        return found

    def _gone(self, request: HttpRequest) -> HttpResponse:
        text = _("This subscription does not exist any more.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(page_url(self.admin_site, OrderSubscription, "changelist"))

    def _page(self, order_subscription: OrderSubscription) -> str:
        return page_url(self.admin_site, OrderSubscription, "change", order_subscription.pk)


def _outcome(verb: Verb, one: OrderSubscription, facts: Facts) -> Outcome:
    if verb.is_done(one):
        return Outcome(_("is so already"), is_refused=True)
    return verb.outcome(one, facts)


def _token(one: OrderSubscription) -> str:
    slot = one.next_run_at.isoformat() if one.next_run_at else ""
    return f"{one.pk}:{slot}"


def _can_pause(one: OrderSubscription) -> bool:
    return one.anchor_at is not None and one.status != SubscriptionStatus.CANCELLED
