"""The shop that chaos comes over: what is copied, and who asks for it."""

from collections.abc import Callable
from random import Random
from typing import Any

from django.db import transaction

from order_copies.copying import request_copies
from order_copies.models import OPTIONS, OrderCopy
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
from tests.gateway.moods import Mood

#: What the sources of each group are good for, and how many there are.
GROUPS = {
    #: Many copies want to take the place of each.
    "race": 30,
    #: The last pieces of something; all copies want one.
    "short": 8,
    #: A coupon with one use left.
    "coupon": 8,
    #: Paid by cards that the gateway meets in a mood.
    "moody": 2 * len(Mood),
    #: Deleted before long.
    "leaving": 15,
}
#: How many pieces there are for copies of an order of something short.
LEFT = 5
#: How often copies of each group are asked for; the rest are of the demo shop.
CHANCES = {"race": 25, "coupon": 8, "moody": 12, "leaving": 8, "": 47}
#: How often a copy is asked for with each toggle.
TOGGLES = {
    "place_target_order": 0.65,
    "reuse_wallet": 0.85,
    "cancel_source_order": 0.3,
    "apply_promotions": 0.4,
    "skip_errors": 0.5,
    "ignore_invalid_coupon": 0.5,
}


def open_shop() -> None:
    """Fill the shop; the gateway gets to know all that is authorized."""
    with transaction.atomic():
        load_demo_shop()
        for group, count in GROUPS.items():
            _MAKERS[group](count)
    _authorize_all()


def ask_for_the_last_pieces() -> None:
    """Two copies for each."""
    short = Order.objects.filter(reference="short", reference_origin="chaos").order_by("pk")
    wanted = [
        OrderCopy(
            source_order=order,
            place_target_order=True,
            skip_errors=bool(number % 2),
            reference_origin="short",
        )
        for number in range(2 * LEFT)
        for order in short
    ]
    request_copies(wanted, who={})


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


def _moody(count: int) -> None:
    market, method, moods = MarketFactory(), PaymentMethodFactory(), list(Mood)
    for number in range(count):
        token = f"{moods[number % len(moods)]}_{number}"
        source = PaymentSourceFactory(payment_method=method, token=token)
        _make(placed_order, "moody", lines=1, market=market, payment_source=source)


def _leaving(count: int) -> None:
    market = MarketFactory()
    for _ in range(count):
        _make(pending_order, "leaving", lines=2, market=market)


_MAKERS = {
    "race": _race,
    "short": _short,
    "coupon": _coupon,
    "moody": _moody,
    "leaving": _leaving,
}


def _authorize_all() -> None:
    """Have the gateway promise what the orders of the shop were promised."""
    live = Authorization.objects.filter(status=Authorization.Status.AUTHORIZED)
    for authorization in live.select_related("order"):
        answer = get_gateway().authorize(
            idempotency_key=f"checkout/{authorization.pk}",
            payment_source_token="checkout",
            amount_cents=authorization.amount_cents,
            currency=authorization.order.currency_code,
        )
        assert isinstance(answer, Authorized)
        authorization.token = answer.token
        authorization.save()


class Wishes:
    """Unsaved copies of whatever there is to copy just now."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._sources = dict[str, list[int]]()
        self.look()

    def look(self) -> None:
        """See which orders there are."""
        orders = Order.objects.exclude(reference="five-hundred-lines").order_by("pk")
        orders = orders.exclude(source_order_factory__reference_origin="short")
        self._sources = {group: [] for group in ("", *GROUPS)}
        for key, origin, reference in orders.values_list("pk", "reference_origin", "reference"):
            self._sources[reference if origin == "chaos" else ""].append(key)

    def some(self, count: int, reference: str) -> list[OrderCopy]:
        """So many copies of anything."""
        groups = self._random.choices(list(CHANCES), weights=list(CHANCES.values()), k=count)
        return [self._wish(group, reference) for group in groups]

    def _wish(self, group: str, reference: str) -> OrderCopy:
        sources = self._sources[group] or self._sources[""]
        toggles = {name: self._random.random() < TOGGLES[name] for name in OPTIONS}
        if group == "race":
            toggles |= {"place_target_order": True, "cancel_source_order": True}
        return OrderCopy(
            source_order_id=self._random.choice(sources), reference=reference, **toggles
        )
