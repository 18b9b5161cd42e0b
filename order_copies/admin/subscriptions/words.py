"""What the pages of subscriptions say, without HTML: frequencies, instants, reasons, events."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.forms import BaseForm
from django.utils.dateformat import format as format_date
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from order_copies.conf import settings
from order_copies.events.models import Event
from order_copies.events.recording import actor_name
from order_copies.models import OrderSubscription, SubscriptionStatus
from order_copies.plans import Problem
from order_copies.subscriptions.slots import FREQUENCIES
from order_copies.templatetags.order_copies_admin import words

frequency_labels = {
    "hourly": gettext_lazy("every hour"),
    "daily": gettext_lazy("every day"),
    "weekly": gettext_lazy("every week"),
    "monthly": gettext_lazy("every month"),
    "two-month": gettext_lazy("every 2 months"),
    "three-month": gettext_lazy("every 3 months"),
    "four-month": gettext_lazy("every 4 months"),
    "six-month": gettext_lazy("every 6 months"),
    "yearly": gettext_lazy("every year"),
}

#: The kind of badge of each status.
status_kinds = {
    SubscriptionStatus.DRAFT: "neutral",
    SubscriptionStatus.INACTIVE: "warning",
    SubscriptionStatus.ACTIVE: "completed",
    SubscriptionStatus.RUNNING: "in_progress",
    SubscriptionStatus.CANCELLED: "failed",
}

#: By the code of the problem: what is wrong, and what to do.
attention_texts = {
    "payment_declined_for_good": gettext_lazy(
        "The card was declined for good. Ask the customer for another card."
    ),
    "payment_not_authorized": gettext_lazy(
        "The payment failed. Ask the customer to check the card, then retry the copy."
    ),
    "blank": gettext_lazy(
        "The new order lacks something, for example a payment source. "
        "Complete the order and place it by hand."
    ),
    "out_of_stock": gettext_lazy(
        "An item is out of stock. Order goods and retry the copy, or change the items."
    ),
    "stock_too_low": gettext_lazy(
        "There are too few pieces of an item. Order goods and retry the copy, or change the items."
    ),
    "no_sellable_line": gettext_lazy(
        "No item is available any more. Change the items, or cancel the subscription."
    ),
    "sku_gone": gettext_lazy("An item was deleted from the catalogue. Change the items."),
    "sku_not_on_sale": gettext_lazy("An item is not on sale any more. Change the items."),
    "price_drift": gettext_lazy(
        "The price rose beyond the limit, so nothing was charged. "
        "Agree on a new price with the customer, or raise the limit."
    ),
    "source_gone": gettext_lazy(
        "The source order was deleted. Cancel the subscription and subscribe to another order."
    ),
    "crashed": gettext_lazy("The copy crashed. Report it to the developers, then retry the copy."),
    "cannot_transition": gettext_lazy(
        "The new order could not be placed. Open it, repair it and place it by hand."
    ),
}

#: Why something was refused, by the code of the problem. Other problems have their own message.
refusal_texts = {
    "not_active": gettext_lazy("it is not active: activate it first"),
    "running": gettext_lazy("a copy runs now: wait until it has ended"),
    "not_placed": gettext_lazy(
        "the source order is not placed: place it first, or begin on a date"
    ),
    "guest": gettext_lazy("the order belongs to a guest: only customers with an account subscribe"),
    "expired": gettext_lazy("its end is in the past: move the end into the future first"),
    "source_gone": gettext_lazy("its source order was deleted"),
    "no_slot": gettext_lazy("no run follows before it ends"),
    "cancelled": gettext_lazy("it is cancelled, for good"),
    "past": gettext_lazy("the skipped run is in the past"),
}


def frequency_words(order_subscription: OrderSubscription) -> str:
    """Return the frequency as words: "every month on the 31st, or the last day".

    The day is that of the first slot, by the clock of ``SUBSCRIPTION_TIME_ZONE``.
    """
    frequency = order_subscription.frequency
    if frequency not in FREQUENCIES:
        return _("by the crontab %(crontab)s") % {"crontab": frequency}
    period = str(frequency_labels[frequency])
    anchor = order_subscription.anchor_at or order_subscription.starts_at
    if anchor is None or frequency in {"hourly", "daily"}:
        return period
    day = anchor.astimezone(settings.SUBSCRIPTION_TIME_ZONE)
    if frequency == "weekly":
        return _("%(period)s on %(weekday)s") % {
            "period": period,
            "weekday": date_format(day, "l"),
        }
    if frequency == "yearly":
        return _("%(period)s on %(day)s") % {
            "period": period,
            "day": date_format(day, "MONTH_DAY_FORMAT"),
        }
    # Translators: the format of a day in "every month on the 3rd": for "3" write "j".
    named = {"period": period, "day": format_date(day, _("jS"))}
    if day.day > 28:
        return _("%(period)s on the %(day)s, or the last day") % named
    return _("%(period)s on the %(day)s") % named


def frequency_label(frequency: str) -> str:
    """Return a frequency as words, without its day."""
    label = frequency_labels.get(frequency)
    return str(label) if label else _("by the crontab %(crontab)s") % {"crontab": frequency}


def status_label(order_subscription: OrderSubscription) -> str:
    """Return the status in words; a pause is named."""
    is_stopped = order_subscription.status == SubscriptionStatus.INACTIVE
    if is_stopped and order_subscription.resumes_at:
        return _("paused")
    return str(order_subscription.get_status_display())


def instant(moment: datetime | None) -> str:
    """Return a point in time in the user's time zone; a dash for None."""
    return "–" if moment is None else date_format(localtime(moment), "SHORT_DATETIME_FORMAT")


def distance(moment: datetime, now: datetime) -> str:
    """Return how far a point in time is from now: "in 3 days", "2 hours ago"."""
    if moment > now:
        return _("in %(time)s") % {"time": timeuntil(moment, now, depth=2)}
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=2)}


def attention_words(code: str) -> str:
    """Return what is wrong and what to do; empty for an empty code."""
    if not code:
        return ""
    text = attention_texts.get(code)
    named = {"code": code.replace("_", " ")}
    return str(text) if text else _("The last run failed: %(code)s. Open its copy.") % named


def needs_attention(order_subscription: OrderSubscription) -> bool:
    """Return whether a person must act: not for one that was cancelled."""
    is_over = order_subscription.status == SubscriptionStatus.CANCELLED
    return bool(order_subscription.attention) and not is_over


def refusal(problems: Sequence[Problem], order_subscription: OrderSubscription) -> str:
    """Return why something was refused, in one line."""
    return "; ".join(_refusal(problem, order_subscription) for problem in problems)


def _refusal(problem: Problem, order_subscription: OrderSubscription) -> str:
    if problem.code == "cannot_transition":
        return _("it is %(status)s") % {"status": order_subscription.get_status_display()}
    is_over = order_subscription.status == SubscriptionStatus.CANCELLED
    code = "cancelled" if is_over and problem.code == "not_active" else problem.code
    text = refusal_texts.get(code)
    return str(text) if text else f"{words(problem.attribute)}: {problem.message}"


def add_problems(form: BaseForm, problems: Sequence[Problem], **fields: str) -> None:
    """Report problems as errors of a form, each at its field if the form has it.

    ``fields`` names the field of an attribute that has another name.
    """
    for problem in problems:
        name: str | None = fields.get(problem.attribute, problem.attribute)
        if name in form.fields:
            text = refusal_texts.get(problem.code) or problem.message
            form.add_error(name, f"{capfirst(str(text))}.")
        else:
            text = refusal_texts.get(problem.code) or (
                f"{words(problem.attribute)}: {problem.message}"
            )
            form.add_error(None, f"{capfirst(str(text))}.")


event_labels = {
    "create": gettext_lazy("Subscribed"),
    "activate": gettext_lazy("Activated"),
    "deactivate": gettext_lazy("Deactivated"),
    "cancel": gettext_lazy("Cancelled"),
    "renewal": gettext_lazy("Renewal announced"),
    "last_run_succeeded": gettext_lazy("Run succeeded"),
    "last_run_failed": gettext_lazy("Run failed"),
}


class Entry:
    """One event of a subscription or of its items in texts for staff."""

    def __init__(self, event: Event) -> None:
        self.at = event.created_at
        self.who = actor_name(event.who)
        verb = event.name.rpartition(".")[2]
        self.label = str(event_labels.get(verb, "")) or _label(event)
        self.details = list(_details(event.changes, verb))

    @property
    def is_shown(self) -> bool:
        """Whether it says more than the event before it: the end of a run has a second event."""
        return bool(self.label or self.details)


def _label(event: Event) -> str:
    changes = event.changes
    if event.resource_type == "order_subscription_items":
        return _("Item changed")
    if "missed" in changes:
        count = changes["missed"]["to"]
        return ngettext("%(count)s run missed", "%(count)s runs missed", count) % {"count": count}
    match _to(changes, "status"):
        case "running":
            return _("Copy requested")
        case "active":
            return ""
    if "skipped_from" in changes:
        return _("Skipped") if _to(changes, "skipped_from") else _("Skip taken back")
    return _("Changed")


#: The attributes whose changes the label of an event says already, or that are of no interest.
_UNSAID = frozenset(
    {
        *("status", "missed", "skipped_from", "anchor_at", "last_run_at", "occurrencies"),
        *("succeeded_on_last_run", "run_retries", "errors_count", "attention"),
    }
)


def _details(changes: Mapping[str, Any], verb: str) -> Iterator[str]:
    if verb == "last_run_failed":
        yield attention_words(str(_to(changes, "attention") or ""))
    for name, change in changes.items():
        before, after = change.get("from"), change.get("to")
        if name in _UNSAID or before == after:
            continue
        named = {"name": words(name), "before": shown(name, before), "after": shown(name, after)}
        if verb or before is None:
            yield _("%(name)s: %(after)s") % named
        else:
            yield _("%(name)s: %(before)s → %(after)s") % named


def shown(name: str, value: Any) -> str:
    """Return a value of an event as text."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "frequency":
        return frequency_label(str(value))
    moment = parse_datetime(value) if name.endswith("_at") and isinstance(value, str) else None
    return instant(moment) if moment else str(value)


def _to(changes: Mapping[str, Any], name: str) -> Any:
    return changes.get(name, {}).get("to")
