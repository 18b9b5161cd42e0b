"""A shop with a row of each type that belongs to the order of one customer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection

from order_copies.events.models import Event
from order_copies.models import (
    Kind,
    OrderCopy,
    OrderFactory,
    OrderSubscriptionItem,
    RecurringOrderCopy,
    Status,
)
from orders.models import Order
from orders.models.resources import Resource
from tests.factories import (
    PLACED_AT,
    CouponFactory,
    CustomerFactory,
    MarketFactory,
    OrderCopyFactory,
    OrderSubscriptionFactory,
    OrderSubscriptionItemFactory,
    PromotionFactory,
    SubscriptionModelFactory,
    pending_order,
    placed_order,
)

BOSS = "boss@secret.example"
MODELS = [
    *("order", "ordercopy", "event", "market", "customer", "customerpaymentsource", "address"),
    *("paymentmethod", "paymentsource", "lineitem", "lineitemoption", "sku", "coupon", "promotion"),
    *("ordersubscription", "ordersubscriptionitem", "subscriptionmodel", "copyprofile"),
]
EVERYTHING = {
    *(f"{verb}_{model}" for model in MODELS for verb in ("view", "add", "change", "delete")),
    *(codename for codename, _ in OrderCopy._meta.permissions),
}


class World:
    """One row of each type, related to each other, each with an event."""

    def __init__(self) -> None:
        market = MarketFactory(subscription_model=SubscriptionModelFactory())
        owner = CustomerFactory()
        promotion = PromotionFactory(market=market, coupon_only=True)
        self.coupon = CouponFactory(promotion=promotion)
        lines = [{"name": f"For {owner.email}", "frequency": "monthly"}]
        self.order: Order = placed_order(
            lines=lines, coupon=self.coupon, customer=owner, market=market
        )
        target = pending_order(customer=owner, lines=1, payment_source=None)
        self.item = self._item()
        self.order_copy = OrderCopyFactory(
            source_order=self.order,
            completed=True,
            target_order=target,
            order_subscription=self.item.order_subscription,
            scheduled_for=PLACED_AT,
        )
        self.rows = self._rows()
        events = {name: happened(name, row.pk) for name, row in self.rows.items()}
        self.event = events["order_copies"]
        happened("events", self.event.pk)

    def id_of(self, resource_type: str, words: tuple[str, ...]) -> str:
        """Return the public id of the row of this type for a request with these words."""
        if resource_type == "event_stores":
            return self.event.stream_id
        if resource_type == "events":
            return self.event.public_id
        if resource_type == "order_copies" and words:
            return self.copy_for(words).public_id
        return str(self.rows[resource_type].public_id)

    def copy_for(self, words: tuple[str, ...]) -> OrderFactory:
        """Create a copy that can be aborted, or retried, with the named options."""
        options = dict.fromkeys((word for word in words if not word.startswith("_")), True)
        status = {} if "_abort" in words else {"failed": True}
        copy: OrderFactory = OrderCopyFactory(source_order=self.order, **status, **options)
        return copy

    @property
    def secrets(self) -> list[str]:
        """Values that only authorized clients may see."""
        wallet = self.rows["customer_payment_sources"]
        return [
            BOSS,
            self.coupon.code,
            self.order.customer_email,
            self.order.number,
            self.order.token,
            wallet.payment_source.token,
            self.rows["addresses"].line_1,
            self.rows["line_items"].name,
            self.rows["line_item_options"].name,
            self.item.name,
            self.item.order_subscription.number,
        ]

    def _rows(self) -> dict[str, Any]:
        order = self.order
        line_item = order.line_items.filter(item_type="skus").get()
        recurring = RecurringOrderCopy.objects.create(
            source_order=order,
            type=Kind.RECURRING_ORDER_COPIES,
            status=Status.PENDING,
            order_subscription=self.item.order_subscription,
            scheduled_for=PLACED_AT + timedelta(days=1),
        )
        rows: list[Resource] = [
            order,
            order.market,
            order.customer,
            order.payment_method,
            order.customer.customer_payment_sources.get(),
            order.addresses.first(),
            line_item,
            line_item.line_item_options.get(),
            line_item.sku,
            self.coupon,
            self.coupon.promotion,
        ]
        return {row.resource_type: row for row in rows} | {
            "order_copies": self.order_copy,
            "order_factories": self.order_copy,
            "recurring_order_copies": recurring,
            "order_subscriptions": self.item.order_subscription,
            "order_subscription_items": self.item,
            "subscription_models": self.item.order_subscription.subscription_model,
        }

    def _item(self) -> OrderSubscriptionItem:
        # An automatic subscription with two items, of which one may be deleted.
        line_item = self.order.line_items.get(item_type="skus")
        assert self.order.customer is not None
        wallet = self.order.customer.customer_payment_sources.get()
        subscription = OrderSubscriptionFactory(
            subscription_model=self.order.market.subscription_model,
            source_order=self.order,
            customer_payment_source_key=str(wallet.pk),
        )
        OrderSubscriptionItemFactory(order_subscription=subscription)
        item: OrderSubscriptionItem = OrderSubscriptionItemFactory(
            order_subscription=subscription,
            sku=line_item.sku,
            name=f"Again for {self.order.customer_email}",
            source_line_item_key=str(line_item.pk),
        )
        return item


def happened(resource_type: str, key: int) -> Event:
    """Create an event whose actor is the boss."""
    event: Event = Event.objects.create(
        resource_type=resource_type,
        resource_id=str(key),
        name=f"{resource_type}.create",
        who={"owner": {"email": BOSS}},
    )
    return event


@contextmanager
def writes() -> Iterator[list[str]]:
    """Collect the SQL statements that write."""
    found: list[str] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE", "REPLACE"}:
            found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        yield found
