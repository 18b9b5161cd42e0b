"""Random orders for property tests: hypothesis draws descriptions, ``build`` creates orders."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import F
from hypothesis import strategies as st

from orders.models import Order, Sku, StockItem
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    LineItemFactory,
    MarketFactory,
    PaymentMethodFactory,
    PaymentSourceFactory,
    PromotionFactory,
    SkuFactory,
    an_order,
    placed_order,
    settle,
    yesterday,
)


@dataclass(frozen=True)
class Line:
    """A SKU line, and the availability of its SKU now."""

    unit_amount_cents: int
    quantity: int
    options: tuple[tuple[int, int], ...]
    availability: str
    same_sku_as_before: bool
    do_not_ship: bool


@dataclass(frozen=True)
class Description:
    """The properties of a random order."""

    status: str
    lines: tuple[Line, ...]
    others: tuple[tuple[str, int], ...]
    promotions: tuple[tuple[str, int, bool], ...]
    new_promotions: tuple[tuple[str, int, bool], ...]
    coupon: str
    payment: str
    customer: str
    addresses: bool
    shipping: bool
    tax_included: bool
    tax_rate: Decimal
    shipping_amount_cents: int
    cutoff: int | None
    gift_card: int


AVAILABLE = ("yes", "untracked")
UNAVAILABLE = ("gone", "off sale", "sold out", "few left")
cents = st.sampled_from([0, 1, 99, 333, 1000]) | st.integers(0, 20_000)
promotions = st.lists(
    st.tuples(
        st.sampled_from(["percentage", "fixed_amount", "free_shipping"]),
        st.integers(0, 100),
        st.booleans(),
    ),
    max_size=2,
).map(tuple)


def lines(availability: st.SearchStrategy[str]) -> st.SearchStrategy[Line]:
    """Return a strategy of SKU lines."""
    return st.builds(
        Line,
        unit_amount_cents=cents,
        quantity=st.integers(0, 4),
        options=st.lists(st.tuples(cents, st.integers(0, 3)), max_size=2).map(tuple),
        availability=availability,
        same_sku_as_before=st.booleans(),
        do_not_ship=st.booleans(),
    )


def descriptions(
    *, availability: st.SearchStrategy[str], coupon: st.SearchStrategy[str]
) -> st.SearchStrategy[Description]:
    """Return a strategy of descriptions."""
    return st.builds(
        Description,
        status=st.sampled_from(["placed", "pending", "draft", "cancelled", "approved"]),
        lines=st.lists(lines(availability), max_size=4).map(tuple),
        others=st.lists(
            st.tuples(st.sampled_from(["adjustments", "gift_cards"]), st.integers(-500, 500)),
            max_size=2,
        ).map(tuple),
        promotions=promotions,
        new_promotions=promotions,
        coupon=coupon,
        payment=st.sampled_from(["wallet", "wallet", "no wallet", "expired", "none", "declined"]),
        customer=st.sampled_from(["customer", "customer", "guest", "none"]),
        addresses=st.booleans() | st.just(True),
        shipping=st.booleans(),
        tax_included=st.booleans(),
        tax_rate=st.sampled_from([Decimal(0), Decimal("0.22"), Decimal("0.0725")]),
        shipping_amount_cents=st.sampled_from([0, 700]),
        cutoff=st.sampled_from([None, 0, 3000]),
        gift_card=st.sampled_from([0, 0, -500]),
    )


#: Orders whose lines and coupons are all available.
copyable = descriptions(
    availability=st.sampled_from(AVAILABLE), coupon=st.sampled_from(["none", "good"])
)
#: Orders with and without unavailable lines and coupons.
any_order = descriptions(
    availability=st.sampled_from([*AVAILABLE, "yes", *UNAVAILABLE]),
    coupon=st.sampled_from(["none", "good", "single use", "expired", "unknown"]),
)
toggles = st.fixed_dictionaries(
    {
        "place_target_order": st.booleans(),
        "reuse_wallet": st.booleans() | st.just(True),
        "cancel_source_order": st.booleans(),
        "apply_promotions": st.booleans(),
        "skip_errors": st.booleans(),
        "ignore_invalid_coupon": st.booleans(),
    }
)


def build(description: Description) -> Order:
    """Create the described order, in a new market."""
    market = MarketFactory(
        tax_included=description.tax_included,
        tax_rate=description.tax_rate,
        shipping_amount_cents=description.shipping_amount_cents,
        shipping_cost_cutoff_cents=description.cutoff,
    )
    skus = _skus(description.lines)
    coupon = _coupon(description.coupon, market)
    make = placed_order if description.status in {"placed", "approved"} else an_order
    order = make(
        status=description.status,
        market=market,
        lines=[
            {
                "sku": sku,
                "unit_amount_cents": line.unit_amount_cents,
                "quantity": line.quantity,
                "options": [
                    {"unit_amount_cents": amount, "quantity": quantity}
                    for amount, quantity in line.options
                ],
            }
            for line, sku in zip(description.lines, skus, strict=True)
        ],
        promotions=[_promotion(one, market) for one in description.promotions],
        coupon=coupon,
        addresses=description.addresses,
        shipping=description.shipping,
        gift_card_code="GIFT" if description.gift_card else "",
        gift_card_amount_cents=description.gift_card,
        wallet=description.payment != "no wallet",
        payment_source=_payment_source(description.payment),
        **_customer(description.customer),
    )
    for item_type, amount in description.others:
        LineItemFactory(
            order=order, item_type=item_type, sku=None, name=item_type, unit_amount_cents=amount
        )
    settle(order)
    _change_shop(description, skus, coupon, market)
    order.refresh_from_db()
    return order


def _skus(lines: tuple[Line, ...]) -> list[Sku]:
    skus: list[Sku] = []
    for line in lines:
        if line.same_sku_as_before and skus:
            skus.append(skus[-1])
        else:
            untracked = line.availability == "untracked"
            skus.append(SkuFactory(do_not_track=untracked, do_not_ship=line.do_not_ship))
    return skus


def _promotion(description: tuple[str, int, bool], market: Any) -> Any:
    kind, number, valid = description
    trait: dict[str, Any] = {
        "percentage": {"percentage": number},
        "fixed_amount": {"fixed_amount": True, "fixed_amount_cents": number * 10},
        "free_shipping": {"free_shipping": True},
    }[kind]
    return PromotionFactory(market=market, active=valid, priority=number, **trait)


def _coupon(kind: str, market: Any) -> Any:
    if kind == "none":
        return None
    return CouponFactory(usage_limit=1 if kind == "single use" else None, promotion__market=market)


def _payment_source(kind: str) -> Any:
    if kind == "none":
        return None
    method = PaymentMethodFactory()
    if kind == "declined":
        return PaymentSourceFactory(payment_method=method, token="declined")
    return PaymentSourceFactory(payment_method=method, expired=kind == "expired")


def _customer(kind: str) -> dict[str, Any]:
    if kind == "customer":
        return {"customer": CustomerFactory()}
    return {"customer": None, "customer_email": "guest@example.com" if kind == "guest" else ""}


def _change_shop(description: Description, skus: list[Sku], coupon: Any, market: Any) -> None:
    """Change the shop, as if since the order was created."""
    for line, sku in zip(description.lines, skus, strict=True):
        _change_availability(sku.pk, line.availability)
    for one in description.new_promotions:
        _promotion(one, market)
    if description.coupon == "expired":
        coupon.expires_at = yesterday()
        coupon.save()
    if description.coupon == "unknown":
        coupon.delete()


def _change_availability(sku: int, availability: str) -> None:
    if availability == "gone":
        Sku.objects.filter(pk=sku).delete()
    if availability == "off sale":
        Sku.objects.filter(pk=sku).update(on_sale=False)
    if availability in {"sold out", "few left"}:
        left = 0 if availability == "sold out" else 2
        StockItem.objects.filter(sku=sku).update(quantity=F("reserved") + left)


def placeable(description: Description) -> Description:
    """Return the same order, with the customer, wallet and addresses that placing needs."""
    return replace(description, customer="customer", payment="wallet", addresses=True)
