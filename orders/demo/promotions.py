"""The promotions and coupons of the demo shop: valid, expired, used up, withdrawn."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orders.models import Coupon, Market, Promotion

Kind = Promotion.Kind


@dataclass(frozen=True)
class Offers:
    """All promotions by name and all coupons by code."""

    promotions: dict[str, Promotion]
    coupons: dict[str, Coupon]


def make_offers(markets: dict[str, Market], now: datetime) -> Offers:
    """Return the promotions and coupons, unsaved."""
    promotions = {promotion.name: promotion for promotion in _promotions(markets, now)}
    coupons = {coupon.code: coupon for coupon in _coupons(promotions, now)}
    return Offers(promotions, coupons)


def _promotions(markets: dict[str, Market], now: datetime) -> list[Promotion]:
    long_ago, soon = now - timedelta(days=500), now + timedelta(days=365)
    over = {"starts_at": long_ago, "expires_at": now - timedelta(days=30)}
    running = {"starts_at": long_ago, "expires_at": soon}
    by_coupon = {"coupon_only": True, "starts_at": long_ago}
    percentage, fixed, free = Kind.PERCENTAGE_DISCOUNT, Kind.FIXED_AMOUNT, Kind.FREE_SHIPPING
    return [
        Promotion(type=percentage, name="Roasters' weeks", percentage=10, priority=1, **running),
        Promotion(type=percentage, name="Summer sale", percentage=20, priority=1, **over),
        Promotion(type=free, name="Versandkostenfrei", market=markets["de"], **running),
        Promotion(type=free, name="Free shipping week", market=markets["us"], **over),
        Promotion(
            type=fixed,
            name="Cinque euro per te",
            market=markets["it"],
            currency_code="EUR",
            fixed_amount_cents=500,
            **over,
        ),
        Promotion(type=percentage, name="Welcome", percentage=15, **by_coupon),
        Promotion(
            type=fixed,
            name="Ten dollars off",
            currency_code="USD",
            fixed_amount_cents=1000,
            **by_coupon,
        ),
        Promotion(type=free, name="Shipping on us", **by_coupon),
        Promotion(type=percentage, name="Everything free", percentage=100, **by_coupon),
        Promotion(type=percentage, name="Launch", percentage=25, coupon_only=True, **over),
        Promotion(
            type=percentage,
            name="Friends of the house",
            percentage=30,
            exclusive=True,
            **by_coupon,
        ),
        Promotion(type=percentage, name="Withdrawn", percentage=50, active=False, **by_coupon),
    ]


def _coupons(promotions: dict[str, Promotion], now: datetime) -> list[Coupon]:
    last_month = now - timedelta(days=30)
    return [
        Coupon(code="WELCOME15", promotion=promotions["Welcome"], customer_single_use=True),
        Coupon(code="BARISTA15", promotion=promotions["Welcome"]),
        Coupon(code="SPRING15", promotion=promotions["Welcome"], expires_at=last_month),
        Coupon(code="FIRSTCOME15", promotion=promotions["Welcome"], usage_limit=3),
        Coupon(code="ONLYYOU15", promotion=promotions["Welcome"], usage_limit=1),
        Coupon(code="TENDOLLARS", promotion=promotions["Ten dollars off"]),
        Coupon(code="SHIPFREE", promotion=promotions["Shipping on us"]),
        Coupon(code="ONTHEHOUSE", promotion=promotions["Everything free"], usage_limit=100),
        Coupon(code="LAUNCH25", promotion=promotions["Launch"]),
        Coupon(
            code="FRIENDS30",
            promotion=promotions["Friends of the house"],
            customer_single_use=True,
        ),
        Coupon(code="WITHDRAWN50", promotion=promotions["Withdrawn"]),
    ]
