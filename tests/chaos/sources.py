"""The orders of the shop, and random copies of them."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from order_copies import copying
from order_copies.models import OPTIONS, OrderCopy, OrderSubscription
from orders.demo.loader import load_demo_shop
from orders.lifecycle.gateways import Authorized, get_gateway
from orders.models import Authorization, Order
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    MarketFactory,
    PaymentMethodFactory,
    PaymentSourceFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
    placed_order,
)
from tests.gateway.modes import Mode

#: The groups of source orders, and the number of orders in each.
GROUPS = {
    #: Many swaps compete for each.
    "race": 30,
    #: Orders of SKUs with few pieces left.
    "short": 8,
    #: Orders with a coupon that has one use left.
    "coupon": 8,
    #: Orders paid by a card that selects a mode of the gateway.
    "failing_card": 2 * len(Mode),
    #: Orders that clients delete.
    "leaving": 15,
    #: Orders with a subscription: half of them have a card that fails.
    "subscribed": 12,
}
#: The number of hourly slots of each subscription that are due at the beginning.
SLOTS = 48
#: Pieces left for copies of each order of the group "short".
LEFT = 5
#: Weights of the groups in random copies; the group "" are the orders of the demo shop.
CHANCES = {"race": 25, "coupon": 8, "failing_card": 12, "leaving": 8, "": 47}
#: Probability of each toggle in random copies.
TOGGLES = {
    "place_target_order": 0.65,
    "reuse_wallet": 0.85,
    "cancel_source_order": 0.3,
    "apply_promotions": 0.4,
    "skip_errors": 0.5,
    "ignore_invalid_coupon": 0.5,
}


def create_shop() -> None:
    """Create the orders of all groups; authorize the placed ones at the gateway."""
    with transaction.atomic():
        load_demo_shop()
        for group, count in GROUPS.items():
            _MAKERS[group](count)
    _authorize_all()


def request_last_pieces() -> None:
    """Request two copies per remaining piece of each order of the group "short"."""
    short = Order.objects.filter(reference="short", reference_origin="chaos").order_by("pk")
    order_copies = [
        OrderCopy(
            source_order=order,
            place_target_order=True,
            skip_errors=bool(number % 2),
            reference_origin="short",
        )
        for number in range(2 * LEFT)
        for order in short
    ]
    copying.request_copies(order_copies, actor={})


def _make(make: Callable[..., Order], group: str, **arguments: Any) -> Order:
    reference = {"reference": group, "reference_origin": "chaos"}
    shared = {"payment_source": PaymentSourceFactory(), "customer": CustomerFactory()}
    return make(**{**shared, **arguments, **reference})


def _race(count: int) -> None:
    market, promotion = MarketFactory(), PromotionFactory()
    for number in range(count):
        coupon = CouponFactory(usage_limit=1, promotion__market=market) if number % 2 else None
        line = {"sku": SkuFactory(stock=1)}
        _make(
            placed_order, "race", lines=[line], market=market, promotions=[promotion], coupon=coupon
        )


def _short(count: int) -> None:
    market = MarketFactory()
    for _ in range(count):
        _make(placed_order, "short", lines=[{"sku": SkuFactory(stock=LEFT + 1)}], market=market)


def _coupon(count: int) -> None:
    market = MarketFactory()
    for _ in range(count):
        coupon = CouponFactory(usage_limit=2, promotion__market=market)
        _make(placed_order, "coupon", lines=1, coupon=coupon, market=market)


def _failing_card(count: int) -> None:
    market, method, modes = MarketFactory(), PaymentMethodFactory(), list(Mode)
    for number in range(count):
        token = f"{modes[number % len(modes)]}_{number}"
        source = PaymentSourceFactory(payment_method=method, token=token)
        _make(placed_order, "failing_card", lines=1, market=market, payment_source=source)


def _leaving(count: int) -> None:
    market = MarketFactory()
    for _ in range(count):
        _make(pending_order, "leaving", lines=2, market=market)


def _subscribed(count: int) -> None:
    market, method, modes = MarketFactory(), PaymentMethodFactory(), list(Mode)
    due = dict.fromkeys(
        ("anchor_at", "next_run_at", "due_at"), timezone.now() - SLOTS * timedelta(hours=1)
    )
    for number in range(count):
        token = f"{modes[number % len(modes)]}_s{number}" if number % 2 else f"visa_{number}"
        card = PaymentSourceFactory(payment_method=method, token=token)
        line = {"sku": SkuFactory(stock=10**6)}
        order = _make(placed_order, "subscribed", lines=[line], market=market, payment_source=card)
        OrderSubscription.objects.create(
            source_order=order, frequency="hourly", status="active", **due
        )


_MAKERS = {
    "race": _race,
    "short": _short,
    "coupon": _coupon,
    "failing_card": _failing_card,
    "leaving": _leaving,
    "subscribed": _subscribed,
}


def _authorize_all() -> None:
    """Authorize at the gateway what the orders of the shop have as authorized."""
    live = Authorization.objects.filter(status=Authorization.Status.AUTHORIZED)
    for authorization in live.select_related("order"):
        result = get_gateway().authorize(
            idempotency_key=f"checkout/{authorization.pk}",
            payment_source_token="checkout",
            amount_cents=authorization.amount_cents,
            currency=authorization.order.currency_code,
        )
        assert isinstance(result, Authorized)
        authorization.token = result.token
        authorization.save()


class RandomCopies:
    """Draws random unsaved copies of the orders that exist."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._sources = dict[str, list[int]]()
        self.refresh()

    def refresh(self) -> None:
        """Read which orders exist."""
        orders = Order.objects.exclude(reference="five-hundred-lines").order_by("pk")
        orders = orders.exclude(source_order_factory__reference_origin="short")
        self._sources = {group: [] for group in ("", *GROUPS)}
        for key, origin, reference in orders.values_list("pk", "reference_origin", "reference"):
            self._sources[reference if origin == "chaos" else ""].append(key)

    def draw(self, count: int, reference: str) -> list[OrderCopy]:
        """Return ``count`` unsaved copies of random orders."""
        groups = self._random.choices(list(CHANCES), weights=list(CHANCES.values()), k=count)
        return [self._draw_one(group, reference) for group in groups]

    def _draw_one(self, group: str, reference: str) -> OrderCopy:
        sources = self._sources[group] or self._sources[""]
        toggles = {name: self._random.random() < TOGGLES[name] for name in OPTIONS}
        if group == "race":
            toggles |= {"place_target_order": True, "cancel_source_order": True}
        return OrderCopy(
            source_order_id=self._random.choice(sources), reference=reference, **toggles
        )
