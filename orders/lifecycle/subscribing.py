"""Subscribe to the lines of orders, and move their subscriptions along with the orders.

An order has subscriptions to its lines where its market has a subscription model (contract 2.5 and
3.2). An item of a subscription has a SKU, a quantity and a unit amount: the options of a line, and
lines without a SKU, are not part of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.conf import settings
from order_copies.db.rows import update_rows
from order_copies.events.models import Event
from order_copies.events.recording import Actor, changes_of, record
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.models import (
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
    SubscriptionStatus,
)
from order_copies.plans import Problem, Step
from order_copies.shops import Subscriber
from order_copies.subscriptions import changes
from order_copies.subscriptions.slots import InvalidFrequencyError, clean_frequency, next_slot
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.transitions import HOLDING
from orders.models import LineItem, Market, Order, Price, Sku

Strategy = SubscriptionModel.Strategy


def subscribers(orders: Sequence[Order]) -> list[Subscriber]:
    """Return what subscriptions must know about these orders, in one query."""
    markets = Market.objects.filter(pk__in={order.market_id for order in orders})
    models = dict(markets.values_list("pk", "subscription_model"))
    return [
        Subscriber(
            customer_email=order.customer_email,
            is_registered=order.customer_id is not None and not order.guest,
            is_placed=order.placed_at is not None and order.status in HOLDING,
            subscription_model=models.get(order.market_id),
        )
        for order in orders
    ]


def lines_of(orders: Collection[Order]) -> dict[int, list[LineItem]]:
    """Return the lines with pieces of a SKU, by order, in one query."""
    lines: dict[int, list[LineItem]] = defaultdict(list)
    sold = LineItem.objects.filter(
        order__in=orders, item_type=LineItem.ItemType.SKUS, quantity__gt=0
    )
    by_key = {order.pk: order for order in orders}
    for line in sold.exclude(sku_code="").order_by("pk"):
        line.order = by_key[line.order_id]
        lines[line.order_id].append(line)
    return lines


def item_of(line: LineItem) -> OrderSubscriptionItem:
    """Return the unsaved item of a line: its pieces at their unit amount, without options."""
    return OrderSubscriptionItem(
        sku_code=line.sku_code,
        name=line.name,
        quantity=line.quantity,
        unit_amount_cents=line.unit_amount_cents,
        currency_code=line.order.currency_code,
        source_line_item_key=str(line.pk),
    )


def complete_item(item: OrderSubscriptionItem) -> list[Problem]:
    """Set name, currency and, if it is None, the unit amount of an item by its SKU.

    Return why the shop cannot sell the item.
    """
    if item.bundle_code:
        return [_problem("bundle_code", "invalid", _("is not sold by this shop: name a SKU"))]
    sku = Sku.objects.filter(code=item.sku_code).first()
    if sku is None:
        return [_problem("sku_code", "invalid", _("is not the code of a SKU of this shop"))]
    if not sku.on_sale:
        return [_problem("sku_code", "not_on_sale", _("is not on sale"))]
    order = Order.objects.filter(pk=item.order_subscription.source_order_id or 0).first()
    item.name = sku.name
    item.currency_code = order.currency_code if order else item.currency_code
    amount: Any = item.unit_amount_cents
    if amount is None:
        price = Price.objects.filter(sku=sku, currency_code=item.currency_code).first()
        if price is None:
            message = _("can't be blank: the SKU has no price in %(currency)s")
            blank = message % {"currency": item.currency_code}
            return [_problem("unit_amount_cents", "blank", blank)]
        item.unit_amount_cents = price.amount_cents
    return []


@transaction.atomic
def create_subscriptions(keys: Sequence[int], *, who: Actor) -> list[list[Problem]]:
    """Create the subscriptions to the lines of orders that have a frequency (contract 3.2).

    The subscription model of the market decides whether the lines with one frequency share a
    subscription. Lines or frequencies with a subscription get no other one. A subscription of an
    order that is not placed yet is a draft, which placing activates. Without ``auto_activate`` it
    stays a draft until it is activated; its first run is one period from now.

    Return the reasons why nothing was created, one list for each key. Raises
    :class:`OrderGoneError`.
    """
    orders = locked_orders(keys)
    requests, existing = _requests(orders), _existing(orders)
    answers = {key: request.reasons() for key, request in requests.items()}
    for key, request in requests.items():
        if request.model and not answers[key]:
            groups = _groups(request.model, request.lines, existing[key])
            answers[key] = _subscribe(request.order, request.model, groups, who)
    return [answers[key] for key in keys]


def rehearse(keys: Sequence[int]) -> list[list[Problem]]:
    """Return why :func:`create_subscriptions` would refuse orders. Takes no locks."""
    requests = _requests(Order.objects.in_bulk(keys))
    return [requests[key].reasons() if key in requests else [] for key in keys]


def waiting() -> "QuerySet[OrderSubscription]":
    """Return the subscriptions that wait until their source orders are placed."""
    return OrderSubscription.objects.filter(
        status=SubscriptionStatus.DRAFT, activate_by_source_order=True
    )


def activate_by(orders: Collection[int], *, who: Actor) -> None:
    """Activate the subscriptions that wait for these orders, which were just placed."""
    drafts = waiting().filter(source_order__in=orders)
    changes.activate(list(drafts.order_by("pk")), actor=who)


def cancel_with(orders: Collection[int], *, who: Actor) -> None:
    """Cancel the subscriptions of orders that were just cancelled, if their models say so."""
    ours = OrderSubscription.objects.filter(
        source_order__in=orders, subscription_model__auto_cancel=True
    )
    found = list(ours.exclude(status=SubscriptionStatus.CANCELLED).order_by("pk"))
    if found:
        changes.cancel(found, actor=who)
        _record("cancel_subscriptions", {int(one.source_order_id or 0): {} for one in found}, who)


def _existing(orders: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Return frequency and source line of each item of automatic subscriptions, by order."""
    existing: dict[int, list[tuple[str, str]]] = defaultdict(list)
    ours = OrderSubscription.objects.filter(source_order__in=orders)
    rows = ours.exclude(subscription_model=None).values_list(
        "source_order", "frequency", "order_subscription_items__source_line_item_key"
    )
    for order, frequency, line in rows.order_by():
        existing[order].append((frequency, line))
    return existing


class _Request(NamedTuple):
    """An order, its customer, the model of its market, and its lines that have a frequency."""

    order: Order
    subscriber: Subscriber
    model: SubscriptionModel | None
    lines: list[LineItem]

    def reasons(self) -> list[Problem]:
        """Return why there can be no subscriptions to the lines."""
        if self.order.status == Order.Status.CANCELLED:
            return [_problem("status", "cancelled", _("a cancelled order cannot be subscribed to"))]
        if not self.subscriber.is_registered:
            message = _("only customers with an account can subscribe")
            return [_problem("customer", "guest", message)]
        if self.model is None:
            message = _(
                "has no subscription model: subscribe to the whole order instead "
                "(POST /order_subscriptions)"
            )
            return [_problem("market", "no_subscription_model", message)]
        if not self.lines:
            message = _("no item with a SKU has a frequency: nothing can be subscribed to")
            return [_problem("line_items", "no_frequency", message)]
        allowed = set(map(_normal, self.model.frequencies))
        refused = [line for line in self.lines if _normal(line.frequency) not in allowed]
        return [_not_allowed(line, self.model) for line in refused]


def _requests(orders: Mapping[int, Order]) -> dict[int, _Request]:
    """Read what orders can be subscribed to, in three queries."""
    found = subscribers(list(orders.values()))
    models = SubscriptionModel.objects.in_bulk({one.subscription_model for one in found} - {None})
    lines = lines_of(orders.values())
    return {
        key: _Request(
            order,
            subscriber,
            models.get(subscriber.subscription_model or 0),
            [line for line in lines[key] if line.frequency],
        )
        for (key, order), subscriber in zip(orders.items(), found, strict=True)
    }


def _not_allowed(line: LineItem, model: SubscriptionModel) -> Problem:
    message = _("%(name)s is ordered %(frequency)s, but the shop offers only: %(allowed)s")
    words = {
        "name": line.name,
        "frequency": line.frequency,
        "allowed": ", ".join(map(str, model.frequencies)),
    }
    return _problem("line_items", "inclusion", message % words)


def _groups(
    model: SubscriptionModel, lines: Sequence[LineItem], existing: Sequence[tuple[str, str]]
) -> Iterator[list[LineItem]]:
    """Yield the lines of each subscription that does not exist yet."""
    if model.strategy == Strategy.BY_LINE_ITEMS:
        subscribed = {line for _frequency, line in existing}
        yield from ([line] for line in lines if str(line.pk) not in subscribed)
        return
    frequencies = {frequency for frequency, _line in existing}
    groups: dict[str, list[LineItem]] = defaultdict(list)
    for line in lines:
        groups[_normal(line.frequency)].append(line)
    yield from (group for name, group in groups.items() if name not in frequencies)


def _subscribe(
    order: Order, model: SubscriptionModel, groups: Iterator[list[LineItem]], who: Actor
) -> list[Problem]:
    """Create one subscription for each group: all of them, or none."""
    created = []
    try:
        with transaction.atomic():
            for group in groups:
                one = _new(order, model, _normal(group[0].frequency))
                items = [*map(item_of, group)]
                created.append(changes.create(one, actor=who, items=items, waits_for_source=True))
    except SubscriptionRefusedError as error:
        return [_problem("line_items", one.code, str(error)) for one in error.problems]
    if created:
        _note_created(order, created, who)
    return []


def _new(order: Order, model: SubscriptionModel, frequency: str) -> OrderSubscription:
    one = OrderSubscription(
        source_order=order,
        subscription_model=model,
        frequency=frequency,
        activate_by_source_order=model.auto_activate,
    )
    if not model.auto_activate:
        now = timezone.now()
        one.starts_at = next_slot(frequency, now, now, settings.SUBSCRIPTION_TIME_ZONE)
    return one


def _note_created(order: Order, created: Sequence[OrderSubscription], who: Actor) -> None:
    now = timezone.now()
    before = {"subscription_created_at": order.subscription_created_at}
    after = {"subscription_created_at": order.subscription_created_at or now}
    row = (order.pk, after["subscription_created_at"], now)
    update_rows(Order, ["subscription_created_at", "updated_at"], [row])
    ids = {"order_subscriptions": {"from": None, "to": [one.public_id for one in created]}}
    _record("create_subscriptions", {order.pk: changes_of(before, after) | ids}, who)


def _record(verb: str, changed: Mapping[int, Any], who: Actor) -> None:
    record(
        [
            Event(
                resource_type="orders",
                resource_id=str(order),
                name=f"orders.{verb}",
                changes=reported,
                who=who,
            )
            for order, reported in changed.items()
        ]
    )


def _normal(frequency: Any) -> str:
    try:
        return clean_frequency(str(frequency))
    except InvalidFrequencyError:
        return str(frequency)


def _problem(attribute: str, code: str, message: str) -> Problem:
    return Problem(Step.WRITE, attribute, code, message, skippable=False)
