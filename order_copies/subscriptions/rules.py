"""The rules of subscriptions: why one cannot be created or changed like that."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from order_copies.exceptions import SubscriptionModelGoneError
from order_copies.models import (
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
)
from order_copies.models.subscriptions import ALERT_PERIODS
from order_copies.plans import Problem, Step
from order_copies.shops import Capability, Shop, Subscriber
from order_copies.subscriptions.slots import InvalidFrequencyError, clean_frequency
from order_copies.subscriptions.transitions import RENEWING, Status

#: The largest quantity of an item: what every database stores.
MAX_QUANTITY = 2**31 - 1
#: The largest amount of an item in cents: what every JSON parser keeps. Orders with hundreds of
#: such items still have totals that every database stores.
MAX_CENTS = 2**53 - 1
#: The largest price increase, in percent.
MAX_PERCENT = Decimal("9999.99")

_ANNOTATIONS = frozenset({"reference", "reference_origin", "metadata"})


def problem(attribute: str, code: str, message: str) -> Problem:
    """Return the problem of an attribute or relationship of a subscription."""
    return Problem(Step.WRITE, attribute, code, message, skippable=False)


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with the frequency in its normal form; an invalid one stays as it is."""
    found = dict(values)
    if isinstance(frequency := found.get("frequency"), str):
        found["frequency"] = _normal(frequency)
    return found


def of_new(
    one: OrderSubscription,
    subscriber: Subscriber,
    shop: Shop,
    now: datetime,
    *,
    waits_for_source: bool,
) -> list[Problem]:
    """Return why a subscription cannot be created. Sets its frequency to the normal form."""
    one.frequency = _normal(one.frequency)
    return [
        *_of_model(one.subscription_model_id, subscriber),
        *_of_frequency(one.frequency, one.subscription_model_id),
        *_of_source(one, subscriber, waits_for_source=waits_for_source),
        *_of_start(one, now),
        *_of_expiry(one.expires_at, one.starts_at, now),
        *_of_terms(_terms(one), shop),
        *_of_capability(one.subscription_model_id, shop),
    ]


def of_update(
    one: OrderSubscription, values: Mapping[str, Any], shop: Shop, now: datetime
) -> list[Problem]:
    """Return why attributes of a subscription cannot have these values."""
    if one.status == Status.CANCELLED and set(values) - _ANNOTATIONS:
        message = _("a cancelled subscription cannot be changed: create a new one")
        return [problem("status", "cancelled", message)]
    return [
        *(
            _of_frequency(values["frequency"], one.subscription_model_id)
            if "frequency" in values
            else ()
        ),
        *(_of_expiry(values["expires_at"], one.starts_at, now) if values.get("expires_at") else ()),
        *_of_next_run(one, values, now),
        *_of_pause(one, values, now),
        *_of_terms(values, shop),
    ]


def of_activation(
    one: OrderSubscription, subscriber: Subscriber | None, now: datetime
) -> list[Problem]:
    """Return why a subscription that is not active cannot be activated."""
    if subscriber is None:
        return [problem("source_order", "source_gone", _("does not exist any more"))]
    if one.anchor_at is None and one.activate_by_source_order and not subscriber.is_placed:
        return [_not_placed()]
    if one.expires_at and one.expires_at <= now:
        message = _("is in the past: move it into the future first")
        return [problem("expires_at", "expired", message)]
    return []


def of_conversion(one: OrderSubscription, model: int | None, shop: Shop) -> list[Problem]:
    """Return why a manual subscription cannot become automatic."""
    if one.status == Status.CANCELLED:
        message = _("a cancelled subscription cannot be changed: create a new one")
        return [problem("status", "cancelled", message)]
    if model is None:
        message = _("can't be blank: give the market of the source order a subscription model")
        return [problem("subscription_model", "blank", message)]
    return [*_of_capability(model, shop), *_of_frequency(one.frequency, model)]


def of_items(
    one: OrderSubscription,
    items: Sequence[OrderSubscriptionItem],
    *,
    is_automatic: bool | None = None,
) -> list[Problem]:
    """Return why a subscription cannot have these items."""
    automatic = one.is_automatic if is_automatic is None else is_automatic
    if automatic and not items:
        message = _("can't be blank: the source order has no line that can be subscribed to")
        return [problem("order_subscription_items", "blank", message)]
    if items and not automatic:
        return of_changed_items(one)
    return [found for item in items for found in of_item(item)]


def of_changed_items(one: OrderSubscription) -> list[Problem]:
    """Return why the items of a subscription cannot be changed."""
    if one.status == Status.CANCELLED:
        message = _("a cancelled subscription cannot be changed: create a new one")
        return [problem("order_subscription", "cancelled", message)]
    if one.is_automatic:
        return []
    message = _("copies its whole source order: convert it to an automatic subscription first")
    return [problem("order_subscription", "manual", message)]


def of_item(item: OrderSubscriptionItem) -> list[Problem]:
    """Return what is wrong with the values of an item."""
    quantity, cents, found = item.quantity, item.unit_amount_cents, []
    if not isinstance(quantity, int) or quantity <= 0:
        found.append(problem("quantity", "greater_than", _("must be greater than 0")))
    if not isinstance(cents, int) or cents < 0:
        message = _("must be greater than or equal to 0")
        found.append(problem("unit_amount_cents", "greater_than_or_equal_to", message))
    if not found and cents > MAX_CENTS:
        found.append(problem("unit_amount_cents", "less_than", _("is too large")))
    elif not found and (quantity > MAX_QUANTITY or item.total_amount_cents > MAX_CENTS):
        found.append(problem("quantity", "less_than", _("is too large")))
    return found


def of_run(one: OrderSubscription, now: datetime) -> list[Problem]:
    """Return why the next copy of a subscription cannot be requested now."""
    if one.status == Status.RUNNING:
        return [problem("status", "running", _("a copy runs already: wait until it has ended"))]
    if one.status != Status.ACTIVE:
        message = _("must be active: activate the subscription first")
        return [problem("status", "not_active", message)]
    if one.source_order_id is None:
        return [problem("source_order", "source_gone", _("does not exist any more"))]
    if one.next_run_at is None or (one.expires_at and one.expires_at <= now):
        return [problem("next_run_at", "no_slot", _("no run follows before it expires"))]
    return []


def of_recurring(one: OrderSubscription, order_copy: OrderFactory, now: datetime) -> list[Problem]:
    """Return why this recurring copy cannot be requested now."""
    if not one.is_automatic:
        message = _("is not automatic: only automatic subscriptions have recurring copies")
        return [problem("order_subscription", "manual", message)]
    if order_copy.source_order_id != one.source_order_id:
        message = _("must be the source order of the subscription")
        return [problem("source_order", "invalid", message)]
    return of_run(one, now)


def _normal(frequency: Any) -> str:
    try:
        return clean_frequency(str(frequency))
    except InvalidFrequencyError:
        return str(frequency)


def _of_frequency(frequency: str, model: int | None) -> Iterator[Problem]:
    if not frequency:
        yield problem("frequency", "blank", _("can't be blank"))
        return
    try:
        clean_frequency(frequency)
    except InvalidFrequencyError as error:
        yield problem("frequency", "invalid", str(error))
        return
    if model is None:
        return
    models = SubscriptionModel.objects.filter(pk=model)
    allowed = models.values_list("frequencies", flat=True).first()
    if allowed is None:
        raise SubscriptionModelGoneError
    if frequency not in map(_normal, allowed):
        message = _("is not one of the subscription model: %(allowed)s")
        named = message % {"allowed": ", ".join(map(str, allowed))}
        yield problem("frequency", "inclusion", named)


def _of_model(model: int | None, subscriber: Subscriber) -> Iterator[Problem]:
    own = subscriber.subscription_model
    if own is not None and model != own:
        yield problem("subscription_model", "invalid", _("must be that of the market of the order"))


def _of_source(
    one: OrderSubscription, subscriber: Subscriber, *, waits_for_source: bool
) -> Iterator[Problem]:
    if not subscriber.is_registered:
        message = _("belongs to a guest: only customers with an account can subscribe")
        yield problem("source_order", "guest", message)
    elif one.activate_by_source_order and not (subscriber.is_placed or waits_for_source):
        yield _not_placed()


def _not_placed() -> Problem:
    message = _("must be placed: place it, or send activate_by_source_order false with starts_at")
    return problem("source_order", "not_placed", message)


def _of_start(one: OrderSubscription, now: datetime) -> Iterator[Problem]:
    if one.starts_at is None:
        if not one.activate_by_source_order:
            message = _("can't be blank unless the source order activates the subscription")
            yield problem("starts_at", "blank", message)
    elif one.starts_at <= now:
        yield problem("starts_at", "greater_than", _("must be in the future"))


def _of_expiry(
    expires_at: datetime | None, starts_at: datetime | None, now: datetime
) -> Iterator[Problem]:
    if expires_at is None:
        return
    if starts_at and expires_at <= starts_at:
        yield problem("expires_at", "greater_than", _("must be after starts_at"))
    elif expires_at <= now:
        yield problem("expires_at", "greater_than", _("must be in the future"))


def _of_next_run(
    one: OrderSubscription, values: Mapping[str, Any], now: datetime
) -> Iterator[Problem]:
    if "next_run_at" not in values:
        return
    moved, expires_at = values["next_run_at"], values.get("expires_at", one.expires_at)
    if moved is None:
        yield problem("next_run_at", "blank", _("can't be blank"))
    elif one.status not in RENEWING:
        message = _("can only be moved while the subscription is active")
        yield problem("next_run_at", "not_active", message)
    elif moved <= max(filter(None, [now, one.next_run_at, one.last_slot])):
        message = _("may only be moved into the future, beyond its present value")
        yield problem("next_run_at", "greater_than", message)
    elif expires_at and moved >= expires_at:
        yield problem("next_run_at", "less_than", _("must be before expires_at"))


def _of_pause(
    one: OrderSubscription, values: Mapping[str, Any], now: datetime
) -> Iterator[Problem]:
    resumes_at = values.get("resumes_at")
    if resumes_at is None:
        return
    if one.status == Status.DRAFT:
        message = _("can only be set after the first activation")
        yield problem("resumes_at", "not_active", message)
    elif resumes_at <= now:
        yield problem("resumes_at", "greater_than", _("must be in the future"))
    elif (expires_at := values.get("expires_at", one.expires_at)) and resumes_at >= expires_at:
        yield problem("resumes_at", "less_than", _("must be before expires_at"))


def _terms(one: OrderSubscription) -> dict[str, Any]:
    names = (
        *("renewal_alert_period", "price_policy", "max_price_increase_percent"),
        "customer_payment_source_key",
    )
    return {name: getattr(one, name) for name in names}


def _of_terms(values: Mapping[str, Any], shop: Shop) -> Iterator[Problem]:
    least, most = ALERT_PERIODS
    hours = values.get("renewal_alert_period", least)
    if not isinstance(hours, int) or not least <= hours <= most:
        message = _("must be between %(least)s and %(most)s hours") % {"least": least, "most": most}
        yield problem("renewal_alert_period", "inclusion", message)
    policy = values.get("price_policy", OrderSubscription.PricePolicy.FROZEN)
    if policy not in shop.price_policies:
        message = _("must be one of: %(known)s")
        known = message % {"known": ", ".join(sorted(shop.price_policies))}
        yield problem("price_policy", "inclusion", known)
    percent = values.get("max_price_increase_percent")
    if percent is not None and not _is_percent(percent):
        message = _("must be between 0 and 9999.99 percent")
        yield problem("max_price_increase_percent", "inclusion", message)
    if values.get("customer_payment_source_key") and Capability.WALLET not in shop.capabilities:
        yield problem("customer_payment_source", "unsupported", Capability.WALLET.absence)


def _is_percent(value: Any) -> bool:
    is_number = isinstance(value, int | float | Decimal) and Decimal(value).is_finite()
    return is_number and 0 <= value <= MAX_PERCENT


def _of_capability(model: int | None, shop: Shop) -> Iterator[Problem]:
    if model is not None and Capability.RECURRING not in shop.capabilities:
        yield problem("subscription_model", "unsupported", Capability.RECURRING.absence)
