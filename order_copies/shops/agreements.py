"""What subscriptions agree, for the plans of their copies: items, and payment sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from order_copies.models import (
    Kind,
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    items_by_subscription,
)

#: The columns of a subscription that no plan depends on. They are read when they are used.
_UNPLANNED = (
    *("reference", "reference_origin", "created_at", "updated_at", "due_at", "anchor_at"),
    *("last_run_at", "next_run_at", "running_for", "last_slot", "skipped_from", "alerted_for"),
    *("retry_at", "run_retries"),
)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What a subscription must know about its source order."""

    #: The customer's email, or empty.
    customer_email: str = ""
    #: Whether the customer has an account: only such customers can subscribe (contract 2.3).
    is_registered: bool = True
    #: Whether the order is placed.
    is_placed: bool = False
    #: The key of the subscription model of the order's market, if it has one.
    subscription_model: int | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """An automatic subscription, with the items that each of its copies contains."""

    order_subscription: OrderSubscription
    items: Sequence[OrderSubscriptionItem]


def agreements_of(order_copies: Sequence[OrderFactory]) -> dict[int, Agreement]:
    """Return the agreements of the recurring copies, by the key of their subscription.

    Two queries, or none if no copy is recurring. A subscription that was deleted is missing.
    """
    recurring = Kind.RECURRING_ORDER_COPIES
    keys = {one.order_subscription_id for one in order_copies if one.type == recurring} - {None}
    if not keys:
        return {}
    items = items_by_subscription(keys)
    found = OrderSubscription.objects.defer(*_UNPLANNED).in_bulk(keys)
    return {key: Agreement(one, items.get(key, [])) for key, one in found.items()}


def payers_of(
    order_copies: Sequence[OrderFactory], agreements: Mapping[int, Agreement]
) -> dict[int, str]:
    """Return ``customer_payment_source_key`` of the subscriptions of copies, by their key.

    ``agreements`` are those of the recurring copies. One query, or none if no copy is that of a
    manual subscription.
    """
    payers = {
        key: agreement.order_subscription.customer_payment_source_key
        for key, agreement in agreements.items()
    }
    copies = (one for one in order_copies if one.type == Kind.ORDER_COPIES)
    manual = {key for one in copies if (key := one.order_subscription_id)}
    if manual:
        found = OrderSubscription.objects.filter(pk__in=manual)
        payers |= dict(found.values_list("pk", "customer_payment_source_key"))
    return payers
