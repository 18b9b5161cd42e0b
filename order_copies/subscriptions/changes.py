"""Create, change and stop subscriptions: their public Python API.

API, admin, commands and a shop's own code enter here. Repeating a transition has no effect; every
other forbidden one is answered with the reasons. ``actor`` is who acts, as in
:mod:`order_copies.copying`. No function checks permissions.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.conf import settings
from order_copies.db.transactions import limited_wait, lock_existing, locked
from order_copies.events.models import Event
from order_copies.events.recording import Caller, actor_of, changes_of, record
from order_copies.exceptions import (
    SourceOrderGoneError,
    SubscriptionGoneError,
    SubscriptionModelGoneError,
    SubscriptionRefusedError,
)
from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.plans import Problem, Step, cannot_transition
from order_copies.shops import Shop, Subscriber, get_shop
from order_copies.subscriptions import rules
from order_copies.subscriptions.rules import problem
from order_copies.subscriptions.schedule import resume
from order_copies.subscriptions.transitions import (
    RENEWING,
    TRANSITIONS,
    Journal,
    Status,
    event,
    last_skipped,
    lock,
    slot_after,
)

#: The attributes that :func:`update` sets.
UPDATABLE = frozenset(
    {
        *("frequency", "activate_by_source_order", "place_target_order", "renewal_alert_period"),
        *("expires_at", "next_run_at", "resumes_at", "customer_payment_source_key"),
        *("price_policy", "max_price_increase_percent"),
        *("reference", "reference_origin", "metadata"),
    }
)
#: Those that a cancelled subscription keeps changeable: the app does not use them.
ANNOTATIONS = frozenset({"reference", "reference_origin", "metadata"})
ITEM_UPDATABLE = frozenset(
    {
        *("sku_code", "bundle_code", "name", "quantity", "unit_amount_cents"),
        *("reference", "reference_origin", "metadata"),
    }
)

#: Sent in the transaction that changes subscriptions which will be due. Argument: ``due_at``, the
#: earliest instant.
due_changed = Signal()

Refusals = list[list[Problem]]


class NewSubscription(NamedTuple):
    """A subscription that is not saved yet."""

    items: Sequence[OrderSubscriptionItem]
    #: The reasons why it cannot be created; empty if it can.
    problems: list[Problem]
    #: Whether the source order is placed.
    is_placed: bool


def create(
    order_subscription: OrderSubscription,
    *,
    actor: Caller,
    items: Sequence[OrderSubscriptionItem] | None = None,
    waits_for_source: bool = False,
) -> OrderSubscription:
    """Save a new subscription with its ``create`` event, and return it.

    A subscription to an order whose market has a subscription model is automatic; its ``items``,
    unsaved, are those of the order if they are not given. With ``activate_by_source_order`` the
    source order must be placed, counts as the first run, and the subscription is active at once;
    with ``waits_for_source`` it may also be placed later. Raises
    :class:`SubscriptionRefusedError`, :class:`SourceOrderGoneError` or
    :class:`SubscriptionModelGoneError` if the source order or the model does not exist, and
    :class:`RowsLockedError` if another transaction keeps it locked.
    """
    one, now = order_subscription, timezone.now()
    with limited_wait(settings.LOCK_TIMEOUT):
        sources = get_shop().order_model._base_manager.filter(pk=one.source_order_id)
        # A transaction that cancels the order waits, and then finds the subscription.
        if not locked(sources.values_list("pk")):
            raise SourceOrderGoneError
        found = preview(one, items=items, waits_for_source=waits_for_source)
        if found.problems:
            raise SubscriptionRefusedError(found.problems)
        model = one.subscription_model_id
        if model and not lock_existing(SubscriptionModel.objects.filter(pk=model)):
            raise SubscriptionModelGoneError
        _insert(one, found.items, actor, now)
        if one.activate_by_source_order and found.is_placed:
            journal = Journal(actor_of(actor), now)
            resume(one, journal)
            _write(journal)
    return one


def preview(
    order_subscription: OrderSubscription,
    *,
    items: Sequence[OrderSubscriptionItem] | None = None,
    waits_for_source: bool = False,
) -> NewSubscription:
    """Return what :func:`create` would save, and why it would refuse. Writes nothing.

    Sets what the source order decides: status, customer email and subscription model. Raises
    :class:`SourceOrderGoneError`.
    """
    one, shop, now = order_subscription, get_shop(), timezone.now()
    sources = list(shop.order_model._base_manager.filter(pk=one.source_order_id))
    if not sources:
        raise SourceOrderGoneError
    [subscriber] = shop.subscribers(sources)
    one.status = Status.DRAFT
    one.customer_email = subscriber.customer_email
    if one.subscription_model_id is None:
        one.subscription_model_id = subscriber.subscription_model
    problems = rules.of_new(one, subscriber, shop, now, waits_for_source=waits_for_source)
    if not problems:
        items = _items_of(one, items, shop, sources)
        problems = rules.of_items(one, items)
    return NewSubscription(items or [], problems, subscriber.is_placed)


def update(
    order_subscription: OrderSubscription, values: Mapping[str, Any], *, actor: Caller
) -> None:
    """Set attributes of :data:`UPDATABLE`, and refresh the instance.

    ``next_run_at`` moves the next slot, and the slots after it with it; the new one must be later.
    ``resumes_at`` pauses the subscription until then. Another ``frequency`` is counted from the
    same anchor, and its first slot is later than all slots that were skipped. Raises
    :class:`SubscriptionRefusedError`, :class:`SubscriptionGoneError`, and TypeError for an unknown
    attribute.
    """
    _check_names(values, UPDATABLE)
    now = timezone.now()
    with limited_wait(settings.LOCK_TIMEOUT):
        [one] = lock([order_subscription])
        values = rules.cleaned(values)
        if problems := rules.of_update(one, values, get_shop(), now):
            raise SubscriptionRefusedError(problems)
        journal = Journal(actor_of(actor), now)
        _change(one, dict(values), journal)
        _write(journal)
    order_subscription.refresh_from_db()


def activate(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Activate subscriptions; the next run of each is its first slot that is not past."""
    subscribers = _subscribers(order_subscriptions)

    def refuse(one: OrderSubscription) -> list[Problem]:
        return rules.of_activation(one, subscribers.get(one.source_order_id), timezone.now())

    return _move(order_subscriptions, "activate", actor, refuse, resume)


def deactivate(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Stop subscriptions until they are activated; copies that have not run are aborted."""

    def stop(one: OrderSubscription, journal: Journal) -> None:
        journal.move(one, "deactivate", resumes_at=None)

    return _move(order_subscriptions, "deactivate", actor, _allow, stop)


def cancel(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Stop subscriptions for good; copies that have not run are aborted."""

    def stop(one: OrderSubscription, journal: Journal) -> None:
        journal.move(one, "cancel", resumes_at=None)

    return _move(order_subscriptions, "cancel", actor, _allow, stop)


def skip(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Pass over the next slot of subscriptions that renew."""

    def run(one: OrderSubscription, journal: Journal) -> list[Problem]:
        if refusal := _refuse_unless_renewing(one):
            return refusal
        later = slot_after(one, one.next_run_at) if one.next_run_at else None
        if later is None:
            return [problem("next_run_at", "no_slot", _("no run follows that could be skipped to"))]
        journal.change(one, next_run_at=later, skipped_from=one.skipped_from or one.next_run_at)
        return []

    return _each(order_subscriptions, actor, run)


def unskip(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Take skips back: the next run is the first slot that was skipped."""

    def run(one: OrderSubscription, journal: Journal) -> list[Problem]:
        if refusal := _refuse_unless_renewing(one):
            return refusal
        if one.skipped_from is None:
            return []
        if one.skipped_from <= journal.now:
            return [problem("next_run_at", "past", _("the skipped run is in the past"))]
        journal.change(one, next_run_at=one.skipped_from, skipped_from=None)
        return []

    return _each(order_subscriptions, actor, run)


def convert(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Make manual subscriptions automatic, with the items of their source orders."""
    shop, subscribers = get_shop(), _subscribers(order_subscriptions)

    def run(one: OrderSubscription, journal: Journal) -> list[Problem]:
        if one.is_automatic:
            return []
        model = subscribers.get(one.source_order_id, Subscriber()).subscription_model
        if problems := rules.of_conversion(one, model, shop):
            return problems
        sources = shop.order_model._base_manager.filter(pk=one.source_order_id)
        [items] = shop.subscription_items(list(sources)) or [[]]
        if problems := rules.of_items(one, items, is_automatic=True):
            return problems
        _insert_items(one, items)
        journal.change(one, subscription_model_id=model)
        return []

    return _each(order_subscriptions, actor, run)


def delete(order_subscriptions: Sequence[OrderSubscription], *, actor: Caller) -> Refusals:
    """Delete subscriptions that are not running, and record it; their copies stay."""
    deleted: list[int] = []

    def run(one: OrderSubscription, journal: Journal) -> list[Problem]:
        if one.status == Status.RUNNING:
            return [problem("status", "running", _("cannot be deleted while its copy runs"))]
        journal.note(one, "destroy", {"status": {"from": str(one.status), "to": None}})
        deleted.append(one.pk)
        return []

    with limited_wait(settings.LOCK_TIMEOUT):
        refusals = _each(order_subscriptions, actor, run)
        OrderSubscription.objects.filter(pk__in=deleted).delete()
    return refusals


def add_item(item: OrderSubscriptionItem, *, actor: Caller) -> None:
    """Save a new item of an automatic subscription; the next copy contains it.

    Raises :class:`SubscriptionRefusedError` and :class:`SubscriptionGoneError`.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        [one] = lock([item.order_subscription])
        problems = rules.of_changed_items(one) or get_shop().complete_item(item)
        if problems := problems or rules.of_item(item):
            raise SubscriptionRefusedError(problems)
        item.save(force_insert=True)
        _record_item(item, {}, _values(item, ITEM_UPDATABLE), actor)


def update_item(item: OrderSubscriptionItem, values: Mapping[str, Any], *, actor: Caller) -> None:
    """Set attributes of :data:`ITEM_UPDATABLE`; a copy that runs already keeps the old ones.

    Another SKU or bundle has its own current price, unless ``unit_amount_cents`` is given. Raises
    :class:`SubscriptionRefusedError` and :class:`SubscriptionGoneError`, and TypeError for an
    unknown attribute.
    """
    _check_names(values, ITEM_UPDATABLE)
    with limited_wait(settings.LOCK_TIMEOUT):
        [one] = lock([item.order_subscription])
        if not OrderSubscriptionItem.objects.filter(pk=item.pk).exists():
            raise SubscriptionGoneError
        item.refresh_from_db()
        before, sold = _values(item, ITEM_UPDATABLE), (item.sku_code, item.bundle_code)
        for name, value in values.items():
            setattr(item, name, value)
        if sold != (item.sku_code, item.bundle_code):
            # The agreed amount and the name are those of another article.
            item.unit_amount_cents = values.get("unit_amount_cents")  # type: ignore[assignment]
            item.name = values.get("name", "")
        problems = [] if set(values) <= ANNOTATIONS else rules.of_changed_items(one)
        if not problems and {"sku_code", "bundle_code"} & set(values):
            problems = get_shop().complete_item(item)
        if problems := problems or rules.of_item(item):
            raise SubscriptionRefusedError(problems)
        item.save()
        _record_item(item, before, _values(item, ITEM_UPDATABLE), actor)


def delete_item(item: OrderSubscriptionItem, *, actor: Caller) -> None:
    """Delete an item, unless it is the last one.

    Raises :class:`SubscriptionRefusedError` and :class:`SubscriptionGoneError`.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        [one] = lock([item.order_subscription])
        problems = rules.of_changed_items(one)
        if not problems and not one.order_subscription_items.exclude(pk=item.pk).exists():
            message = _("must not be empty: cancel the subscription instead")
            problems = [problem("order_subscription_items", "blank", message)]
        if problems:
            raise SubscriptionRefusedError(problems)
        _record_item(item, {"quantity": item.quantity}, {"quantity": None}, actor)
        OrderSubscriptionItem.objects.filter(pk=item.pk).delete()


def _change(one: OrderSubscription, values: dict[str, Any], journal: Journal) -> None:
    resumes_at = values.pop("resumes_at", None)
    moved = values.pop("next_run_at", None)
    frequency, expires_at = one.frequency, one.expires_at
    skipped = last_skipped(one)
    journal.change(one, **values)
    if one.status in RENEWING:
        if moved:
            journal.change(one, next_run_at=moved, anchor_at=moved, skipped_from=None)
        elif (frequency, expires_at) != (one.frequency, one.expires_at):
            _reschedule(one, journal, skipped, is_counted_anew=frequency != one.frequency)
    if resumes_at and one.status in RENEWING:
        journal.move(one, "deactivate", resumes_at=resumes_at)
    elif one.status == Status.INACTIVE:
        journal.change(one, resumes_at=resumes_at or one.resumes_at)


def _reschedule(
    one: OrderSubscription, journal: Journal, skipped: datetime | None, *, is_counted_anew: bool
) -> None:
    after = max(filter(None, [journal.now, one.last_slot]))
    slot, first_skipped = one.next_run_at, one.skipped_from
    if slot is None or is_counted_anew:
        slot = slot_after(one, max(after, skipped or after))
        unskipped = slot_after(one, after)
        first_skipped = unskipped if unskipped != slot else None
    elif one.expires_at and slot >= one.expires_at:
        slot = None
    if slot is None:
        # What is skipped stays so if a later expiry brings the slots back.
        journal.change(one, last_slot=skipped or one.last_slot, skipped_from=None)
    else:
        journal.change(one, skipped_from=first_skipped)
    journal.change(one, next_run_at=slot)


def _move(
    order_subscriptions: Sequence[OrderSubscription],
    name: str,
    actor: Caller,
    refuse: Callable[[OrderSubscription], list[Problem]],
    move: Callable[[OrderSubscription, Journal], None],
) -> Refusals:
    transition = TRANSITIONS[name]

    def run(one: OrderSubscription, journal: Journal) -> list[Problem]:
        if one.status == transition.target or (
            transition.target == Status.ACTIVE and one.status == Status.RUNNING
        ):
            return []
        if one.status not in transition.sources:
            return [cannot_transition(Step.WRITE, one.status, transition.target)]
        problems = refuse(one)
        if not problems:
            move(one, journal)
        return problems

    return _each(order_subscriptions, actor, run)


def _each(
    order_subscriptions: Sequence[OrderSubscription],
    actor: Caller,
    run: Callable[[OrderSubscription, Journal], list[Problem]],
) -> Refusals:
    """Run a change of each subscription under a lock; each is decided on its own."""
    with limited_wait(settings.LOCK_TIMEOUT):
        journal = Journal(actor_of(actor), timezone.now())
        refusals = [run(one, journal) for one in lock(order_subscriptions)]
        _write(journal)
    return refusals


def _write(journal: Journal) -> None:
    if due_at := journal.write():
        due_changed.send(OrderSubscription, due_at=due_at)


def _allow(one: OrderSubscription) -> list[Problem]:
    return []


def _refuse_unless_renewing(one: OrderSubscription) -> list[Problem]:
    if one.status in RENEWING:
        return []
    message = _("must be active: activate the subscription first")
    return [problem("status", "not_active", message)]


def _subscribers(order_subscriptions: Sequence[OrderSubscription]) -> dict[Any, Subscriber]:
    shop = get_shop()
    keys = {one.source_order_id for one in order_subscriptions} - {None}
    orders = list(shop.order_model._base_manager.filter(pk__in=keys)) if keys else []
    found = shop.subscribers(orders) if orders else []
    return {order.pk: one for order, one in zip(orders, found, strict=True)}


def _items_of(
    one: OrderSubscription,
    items: Sequence[OrderSubscriptionItem] | None,
    shop: Shop,
    sources: Sequence[Any],
) -> Sequence[OrderSubscriptionItem]:
    if items is not None or not one.is_automatic:
        return items or []
    [found] = shop.subscription_items(sources)
    return found


def _insert(
    one: OrderSubscription, items: Sequence[OrderSubscriptionItem], actor: Caller, now: datetime
) -> None:
    one.save(force_insert=True)
    _insert_items(one, items)
    changes = {"status": {"from": None, "to": str(one.status)}}
    record([event(one, "create", changes, actor_of(actor), now)])


def _insert_items(one: OrderSubscription, items: Sequence[OrderSubscriptionItem]) -> None:
    for item in items:
        item.order_subscription = one
    OrderSubscriptionItem.objects.bulk_create(items)


def _record_item(
    item: OrderSubscriptionItem, before: dict[str, Any], after: dict[str, Any], actor: Caller
) -> None:
    changes = changes_of(before, after)
    if changes:
        key = str(item.pk)
        who = actor_of(actor)
        record([Event(resource_type=item.resource_type, resource_id=key, changes=changes, who=who)])


def _values(item: OrderSubscriptionItem, names: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def _check_names(values: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := values.keys() - known:
        message = f"Unknown: {', '.join(sorted(unknown))}. Known are {', '.join(sorted(known))}."
        raise TypeError(message)
