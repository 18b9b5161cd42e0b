"""The arithmetic of an order, in integer cents."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from orders.models import LineItem

ItemType = LineItem.ItemType

GOODS = frozenset({ItemType.SKUS, ItemType.GIFT_CARDS})
PROMOTIONS = frozenset(
    {
        ItemType.PERCENTAGE_DISCOUNT_PROMOTIONS,
        ItemType.FIXED_AMOUNT_PROMOTIONS,
        ItemType.FREE_SHIPPING_PROMOTIONS,
    }
)

#: The amount of an order that lines of a type add to.
amount_of_type = {
    ItemType.SHIPMENTS.value: "shipping_amount_cents",
    ItemType.PAYMENT_METHODS.value: "payment_method_amount_cents",
    ItemType.ADJUSTMENTS.value: "adjustment_amount_cents",
    **{item_type.value: "subtotal_amount_cents" for item_type in GOODS},
    **{item_type.value: "discount_amount_cents" for item_type in PROMOTIONS},
}

TOTALS = (
    "subtotal_amount_cents",
    "shipping_amount_cents",
    "payment_method_amount_cents",
    "adjustment_amount_cents",
    "discount_amount_cents",
    "gift_card_amount_cents",
    "total_tax_amount_cents",
    "total_amount_cents",
    "total_amount_with_taxes_cents",
)


def rounded(amount: Decimal) -> int:
    """The nearest whole cent; halves go away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def tax_amount(total_cents: int, rate: Decimal, *, included: bool) -> int:
    """The tax in (``included``) or on top of an amount."""
    if included:
        return rounded(total_cents - total_cents / (1 + rate))
    return rounded(total_cents * rate)


def share(amount_cents: int, part: int, whole: int) -> int:
    """The part of an amount that belongs to ``part`` of ``whole``."""
    return rounded(Decimal(amount_cents * part) / whole) if whole else 0


def order_totals(
    lines: Iterable[tuple[str, int, int]],
    *,
    tax_included: bool,
    gift_card_amount_cents: int = 0,
) -> dict[str, int]:
    """The totals of an order with these lines, each its type, its total and its tax."""
    totals = dict.fromkeys(TOTALS, 0)
    for item_type, total_cents, tax_cents in lines:
        totals[amount_of_type[item_type]] += total_cents
        totals["total_amount_cents"] += total_cents
        totals["total_tax_amount_cents"] += tax_cents
    totals["gift_card_amount_cents"] = gift_card_amount_cents
    totals["total_amount_with_taxes_cents"] = (
        totals["total_amount_cents"]
        + (0 if tax_included else totals["total_tax_amount_cents"])
        + gift_card_amount_cents
    )
    return totals
