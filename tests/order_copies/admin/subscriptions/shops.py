"""A shop whose orders have automatic subscriptions."""

from collections.abc import Sequence

from django.conf import LazySettings

from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.plans import Problem, Step
from order_copies.shops import Capability, Subscriber
from orders.copying.shop import ReferenceShop
from orders.models import LineItem, Order, Sku

CLUB = f"{__name__}.ClubShop"
#: A shop that can place no orders.
COPYING = "tests.acceptance.shops.CopyingShop"


class ClubShop(ReferenceShop):
    """The reference shop, all of whose markets have the first subscription model."""

    price_policies = frozenset(OrderSubscription.PricePolicy)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.RECURRING}

    def subscribers(self, orders: Sequence[Order]) -> list[Subscriber]:
        model = SubscriptionModel.objects.order_by("pk").values_list("pk", flat=True).first()
        return [
            Subscriber(order.customer_email, is_placed=True, subscription_model=model)
            for order in orders
        ]

    def subscription_items(self, orders: Sequence[Order]) -> list[list[OrderSubscriptionItem]]:
        lines = LineItem.objects.filter(order__in=orders, item_type="skus").order_by("pk")
        return [[_item(line) for line in lines if line.order_id == order.pk] for order in orders]

    def complete_item(self, item: OrderSubscriptionItem) -> list[Problem]:
        sku = Sku.objects.filter(code=item.sku_code).first()
        if sku is None:
            return [Problem(Step.WRITE, "sku_code", "unknown", "does not exist")]
        item.name, item.currency_code = sku.name, "EUR"
        if item.unit_amount_cents is None:
            item.unit_amount_cents = sku.prices.get(currency_code="EUR").amount_cents
        return []


def _item(line: LineItem) -> OrderSubscriptionItem:
    return OrderSubscriptionItem(
        sku_code=line.sku_code,
        name=line.name,
        quantity=line.quantity,
        unit_amount_cents=line.unit_amount_cents,
        currency_code="EUR",
    )


def use(settings: LazySettings, shop: str) -> None:
    """Use the shop at this path."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": shop}
