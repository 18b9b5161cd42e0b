"""A shop whose markets all have one subscription model."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from order_copies.models import OrderSubscriptionItem, SubscriptionModel
from order_copies.plans import Problem
from order_copies.shops import Subscriber
from order_copies.subscriptions.rules import problem
from orders.copying.shop import ReferenceShop

#: What each SKU costs now, in cents.
PRICE = 700


class SubscribingShop(ReferenceShop):
    """The reference shop; each order has one item, and all but ``GONE`` can be sold."""

    PATH: ClassVar = "tests.order_copies.subscriptions.shops.SubscribingShop"

    def subscribers(self, orders: Sequence[Any]) -> list[Subscriber]:
        model = SubscriptionModel.objects.values_list("pk", flat=True).first()
        return [
            Subscriber(
                order.customer_email, not order.guest, order.status == order.Status.PLACED, model
            )
            for order in orders
        ]

    def subscription_items(self, orders: Sequence[Any]) -> list[list[OrderSubscriptionItem]]:
        values = {"sku_code": "COFFEE", "name": "Coffee", "currency_code": "EUR"}
        return [
            [OrderSubscriptionItem(quantity=2, unit_amount_cents=900, **values)]
            for _order in orders
        ]

    def complete_item(self, item: OrderSubscriptionItem) -> list[Problem]:
        if item.sku_code == "GONE":
            return [problem("sku_code", "not_sellable", _("cannot be sold"))]
        item.name = item.sku_code.capitalize()
        if item.unit_amount_cents is None:
            item.unit_amount_cents = PRICE
        return []
