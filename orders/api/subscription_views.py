"""The endpoints of subscriptions, their items and models, with relationships to the shop's rows."""

from typing import Any

from django.db.models import F, Value
from django.db.models.functions import Coalesce

from order_copies.api import subscription_views as generic
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.models import OrderSubscription, OrderSubscriptionItem
from order_copies.plans import Problem, Step
from orders.api import serializers

_INVALID = "invalid"


class OrderSubscriptionViewSet(generic.OrderSubscriptionViewSet):
    """``/order_subscriptions``: create, change, run and stop subscriptions."""

    # Their markets and customers are those of the source orders.
    queryset = OrderSubscription.objects.select_related("source_order")
    serializer_class = serializers.OrderSubscriptionSerializer

    def values_of(self, serializer: Any) -> dict[str, Any]:
        """Return the attributes that a valid request sets; keys in place of the shop's rows.

        Raises :class:`SubscriptionRefusedError` for the market or the wallet of another order.
        """
        values = super().values_of(serializer)
        source = values.get("source_order") or serializer.instance.source_order
        market = values.pop("market", None)
        if market is not None and market.pk != source.market_id:
            raise _refused("market", "must be the market of the source order")
        if "customer_payment_source" in values:
            wallet = values.pop("customer_payment_source")
            if wallet and (source is None or wallet.customer_id != source.customer_id):
                raise _refused("customer_payment_source", "must be in the wallet of the customer")
            values["customer_payment_source_key"] = str(wallet.pk) if wallet else ""
        return values


class OrderSubscriptionItemViewSet(generic.OrderSubscriptionItemViewSet):
    """``/order_subscription_items``: what the copies of automatic subscriptions contain."""

    queryset = OrderSubscriptionItem.objects.annotate(
        language_code=Coalesce(F("order_subscription__source_order__language_code"), Value("en"))
    )
    serializer_class = serializers.OrderSubscriptionItemSerializer

    def values_of(self, serializer: Any) -> dict[str, Any]:
        """Return the attributes that a valid request sets; the code in place of the SKU.

        Raises :class:`SubscriptionRefusedError` if a new item has no SKU, or more than one.
        """
        values = super().values_of(serializer)
        item, sku = values.pop("item", None), values.pop("sku", None)
        codes = {it.code for it in (item, sku) if it} | {values.get("sku_code") or ""} - {""}
        if len(codes) > 1:
            raise _refused("item", "must be the SKU of sku and sku_code")
        if serializer.instance is None and not codes:
            raise _refused("item", "can't be blank", "blank")
        return {**values, **({"sku_code": codes.pop()} if codes else {})}


class SubscriptionModelViewSet(generic.SubscriptionModelViewSet):
    """``/subscription_models``: every client reads them, staff write them."""

    serializer_class = serializers.SubscriptionModelSerializer


def _refused(name: str, message: str, code: str = _INVALID) -> SubscriptionRefusedError:
    return SubscriptionRefusedError([Problem(Step.WRITE, name, code, message, skippable=False)])
