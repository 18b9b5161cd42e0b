"""What staff can do with subscriptions: the texts of each verb, and what it will do to one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from order_copies import copying
from order_copies.admin.subscriptions.detail import resumed
from order_copies.admin.subscriptions.words import distance, instant, refusal
from order_copies.models import OrderSubscription, SubscriptionStatus
from order_copies.plans import Problem, Step, cannot_transition
from order_copies.shops import Capability, Shop, Subscriber, get_shop
from order_copies.subscriptions import changes, rules
from order_copies.subscriptions.transitions import RENEWING, TRANSITIONS, slot_after

Status = SubscriptionStatus


@dataclass(frozen=True, slots=True)
class Facts:
    """What the outcomes of a verb depend on, apart from the subscriptions."""

    now: datetime
    shop: Shop
    #: What the shop says of the source orders, by their keys.
    subscribers: Mapping[Any, Subscriber]

    @classmethod
    def of(cls, order_subscriptions: Sequence[OrderSubscription], now: datetime) -> "Facts":
        """Return the facts for subscriptions whose source orders are selected."""
        shop = get_shop()
        orders = {one.source_order_id: one.source_order for one in order_subscriptions}
        orders.pop(None, None)
        found = shop.subscribers(list(orders.values())) if orders else []
        return cls(now, shop, dict(zip(orders, found, strict=True)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb will do to one subscription, or why it is refused."""

    text: str
    is_refused: bool = False


def _refused(one: OrderSubscription, problems: Sequence[Problem]) -> Outcome:
    return Outcome(refusal(problems, one), is_refused=True)


def _move(one: OrderSubscription, name: str) -> Outcome | None:
    """Return the refusal of a transition that the table forbids; None if it is allowed."""
    transition = TRANSITIONS[name]
    if one.status in transition.sources:
        return None
    return _refused(one, [cannot_transition(Step.WRITE, one.status, transition.target)])


def _activate(one: OrderSubscription, facts: Facts) -> Outcome:
    if forbidden := _move(one, "activate"):
        return forbidden
    subscriber = facts.subscribers.get(one.source_order_id)
    if problems := rules.of_activation(one, subscriber, facts.now):
        return _refused(one, problems)
    slot = resumed(one, facts.now).next_run_at
    if slot is None:
        return Outcome(_("is cancelled, because no run follows before it ends"))
    return Outcome(_("next run %(slot)s, %(distance)s") % _named(slot, facts))


def _stop(one: OrderSubscription, facts: Facts) -> Outcome:
    if forbidden := _move(one, "deactivate"):
        return forbidden
    return Outcome(_("no run until it is activated again"))


def _cancel(one: OrderSubscription, facts: Facts) -> Outcome:
    return _move(one, "cancel") or Outcome(_("no further run"))


def _skip(one: OrderSubscription, facts: Facts) -> Outcome:
    if one.status not in RENEWING:
        return _refused(one, [rules.problem("status", "not_active", "")])
    later = slot_after(one, one.next_run_at) if one.next_run_at else None
    if later is None:
        return _refused(one, [rules.problem("next_run_at", "no_slot", "")])
    named = _named(later, facts) | {"skipped": instant(one.next_run_at)}
    return Outcome(_("no run on %(skipped)s; next run %(slot)s, %(distance)s") % named)


def _unskip(one: OrderSubscription, facts: Facts) -> Outcome:
    if one.status not in RENEWING:
        return _refused(one, [rules.problem("status", "not_active", "")])
    assert one.skipped_from is not None, "otherwise it is done"
    if one.skipped_from <= facts.now:
        return _refused(one, [rules.problem("next_run_at", "past", "")])
    return Outcome(_("next run %(slot)s, %(distance)s") % _named(one.skipped_from, facts))


def _run(one: OrderSubscription, facts: Facts) -> Outcome:
    if problems := rules.of_run(one, facts.now):
        return _refused(one, problems)
    assert one.next_run_at is not None
    later = slot_after(one, one.next_run_at)
    if later is None:
        return Outcome(_("this is its last run"))
    named = _named(later, facts) | {"consumed": instant(one.next_run_at)}
    return Outcome(
        _("now, instead of %(consumed)s; after it next run %(slot)s, %(distance)s") % named
    )


def _convert(one: OrderSubscription, facts: Facts) -> Outcome:
    model = facts.subscribers.get(one.source_order_id, Subscriber()).subscription_model
    if problems := rules.of_conversion(one, model, facts.shop):
        return _refused(one, problems)
    return Outcome(_("its items are those of the source order"))


def _named(slot: datetime, facts: Facts) -> dict[str, Any]:
    return {"slot": instant(slot), "distance": distance(slot, facts.now)}


@dataclass(frozen=True, kw_only=True)
class Verb:
    """An operation on subscriptions. The texts count them."""

    #: Runs the operation; returns the reasons why not, one list for each.
    act: Callable[..., list[list[Problem]]]
    #: Returns what it will do to one subscription.
    outcome: Callable[[OrderSubscription, Facts], Outcome]
    #: Whether it is done already, so that nothing happens.
    is_done: Callable[[OrderSubscription], bool]
    #: Whether the page of a subscription has a button for it.
    is_offered: Callable[[OrderSubscription, datetime], bool]
    label: Promise
    title: Promise
    #: What happens to all, in the confirmation.
    warning: Promise
    button: Promise
    done: Promise
    #: The label of the action of the list; without one there is no action.
    action: Promise | None = None
    #: Whether copies follow that may place orders: that needs more permissions.
    starts_copies: bool = False
    #: Whether it uses up the next slot, so that a second submit must not use up another.
    takes_slot: bool = False


VERBS = {
    "activate": Verb(
        act=changes.activate,
        outcome=_activate,
        is_done=lambda one: one.status in RENEWING,
        is_offered=lambda one, now: one.status in {Status.DRAFT, Status.INACTIVE},
        label=gettext_lazy("Activate"),
        action=gettext_lazy("Activate selected subscriptions…"),
        title=ngettext_lazy(
            "Activate the subscription?", "Activate %(count)d subscriptions?", "count"
        ),
        warning=gettext_lazy("Its orders are copied again from the next run on."),
        button=ngettext_lazy("Activate", "Activate %(count)d", "count"),
        done=ngettext_lazy(
            "%(count)d subscription is active.", "%(count)d subscriptions are active.", "count"
        ),
        starts_copies=True,
    ),
    "deactivate": Verb(
        act=changes.deactivate,
        outcome=_stop,
        is_done=lambda one: one.status == Status.INACTIVE,
        is_offered=lambda one, now: one.status in RENEWING,
        label=gettext_lazy("Deactivate"),
        action=gettext_lazy("Deactivate selected subscriptions…"),
        title=ngettext_lazy(
            "Deactivate the subscription?", "Deactivate %(count)d subscriptions?", "count"
        ),
        warning=gettext_lazy(
            "No order is copied until you activate it again. "
            "A copy that has not run yet is aborted. Orders that exist stay."
        ),
        button=ngettext_lazy("Deactivate", "Deactivate %(count)d", "count"),
        done=ngettext_lazy(
            "%(count)d subscription is inactive.", "%(count)d subscriptions are inactive.", "count"
        ),
    ),
    "skip": Verb(
        act=changes.skip,
        outcome=_skip,
        is_done=lambda one: False,
        is_offered=lambda one, now: one.status in RENEWING and one.next_run_at is not None,
        label=gettext_lazy("Skip next run"),
        action=gettext_lazy("Skip the next run of selected subscriptions…"),
        title=ngettext_lazy("Skip the next run?", "Skip the next run of %(count)d?", "count"),
        warning=gettext_lazy("Nothing is copied or charged for the skipped run."),
        button=ngettext_lazy("Skip the run", "Skip %(count)d runs", "count"),
        done=ngettext_lazy("%(count)d run is skipped.", "%(count)d runs are skipped.", "count"),
        takes_slot=True,
    ),
    "unskip": Verb(
        act=changes.unskip,
        outcome=_unskip,
        is_done=lambda one: one.skipped_from is None,
        is_offered=lambda one, now: (
            one.status in RENEWING and one.skipped_from is not None and one.skipped_from > now
        ),
        label=gettext_lazy("Take skip back"),
        title=ngettext_lazy("Take the skip back?", "Take %(count)d skips back?", "count"),
        warning=gettext_lazy("The first skipped run takes place after all."),
        button=ngettext_lazy("Take the skip back", "Take %(count)d skips back", "count"),
        done=ngettext_lazy(
            "%(count)d skip is taken back.", "%(count)d skips are taken back.", "count"
        ),
    ),
    "run": Verb(
        act=copying.renew,
        outcome=_run,
        is_done=lambda one: False,
        is_offered=lambda one, now: not rules.of_run(one, now),
        label=gettext_lazy("Run now"),
        action=gettext_lazy("Run selected subscriptions now…"),
        title=ngettext_lazy("Run it now?", "Run %(count)d subscriptions now?", "count"),
        warning=gettext_lazy(
            "The copy of the next run is made now. Later runs keep their time. "
            "Where new orders are placed, customers are charged."
        ),
        button=ngettext_lazy("Run now", "Run %(count)d now", "count"),
        done=ngettext_lazy(
            "%(count)d copy is requested.", "%(count)d copies are requested.", "count"
        ),
        starts_copies=True,
        takes_slot=True,
    ),
    "convert": Verb(
        act=changes.convert,
        outcome=_convert,
        is_done=lambda one: one.is_automatic,
        is_offered=lambda one, now: (
            not one.is_automatic
            and one.status != Status.CANCELLED
            and Capability.RECURRING in get_shop().capabilities
        ),
        label=gettext_lazy("Convert…"),
        title=ngettext_lazy(
            "Convert to an automatic subscription?",
            "Convert %(count)d to automatic subscriptions?",
            "count",
        ),
        warning=gettext_lazy(
            "Copies are then built from items, whose quantities and prices you can change, and not "
            "from the whole source order. This cannot be taken back."
        ),
        button=ngettext_lazy("Convert", "Convert %(count)d", "count"),
        done=ngettext_lazy(
            "%(count)d subscription is automatic.",
            "%(count)d subscriptions are automatic.",
            "count",
        ),
    ),
    "cancel": Verb(
        act=changes.cancel,
        outcome=_cancel,
        is_done=lambda one: one.status == Status.CANCELLED,
        is_offered=lambda one, now: one.status != Status.CANCELLED,
        label=gettext_lazy("Cancel…"),
        action=gettext_lazy("Cancel selected subscriptions…"),
        title=ngettext_lazy("Cancel the subscription?", "Cancel %(count)d subscriptions?", "count"),
        warning=gettext_lazy(
            "No order is copied any more. A cancelled subscription cannot be activated again. "
            "A copy that has not run yet is aborted. Orders that exist stay."
        ),
        button=ngettext_lazy("Cancel the subscription", "Cancel %(count)d subscriptions", "count"),
        done=ngettext_lazy(
            "%(count)d subscription is cancelled.",
            "%(count)d subscriptions are cancelled.",
            "count",
        ),
    ),
}

#: The verbs of the list.
ACTIONS = tuple(name for name, verb in VERBS.items() if verb.action)
