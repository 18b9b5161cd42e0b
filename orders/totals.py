"""The arithmetic of an order, in integer cents."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from orders.allocation import rounded
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

#: The partial total of an order that lines of a type add to.
amount_of_type = {
    ItemType.SHIPMENTS.value: "shipping_amount_cents",
    ItemType.PAYMENT_METHODS.value: "payment_method_amount_cents",
    ItemType.ADJUSTMENTS.value: "adjustment_amount_cents",
    **{item_type.value: "subtotal_amount_cents" for item_type in GOODS},
    **{item_type.value: "discount_amount_cents" for item_type in PROMOTIONS},
}

PARTIAL_TOTALS = (
    "subtotal_amount_cents",
    "shipping_amount_cents",
    "payment_method_amount_cents",
    "adjustment_amount_cents",
    "discount_amount_cents",
)
TOTALS = (
    *PARTIAL_TOTALS,
    "gift_card_amount_cents",
    "total_tax_amount_cents",
    "total_amount_cents",
    "total_amount_with_taxes_cents",
)


#: A line as totals see it: its type, its total and its tax.
Amounts = tuple[str, int, int]
NOTHING: Mapping[str, int] = MappingProxyType({})


def tax_amount(total_cents: int, rate: Decimal, *, included: bool) -> int:
    """Return the tax in (``included``) or on top of an amount."""
    exact = Fraction(rate)
    return rounded(total_cents * exact / (1 + exact) if included else total_cents * exact)


def order_totals(
    lines: Iterable[Amounts],
    *,
    tax_included: bool,
    gift_card_amount_cents: int = 0,
    without_line: Mapping[str, int] = NOTHING,
) -> dict[str, int]:
    """Return the totals of an order with these lines.

    ``without_line`` holds what single totals of an imported order contain beyond its lines.
    """
    totals = dict.fromkeys(TOTALS, 0)
    for item_type, total_cents, tax_cents in lines:
        totals[amount_of_type[item_type]] += total_cents
        totals["total_tax_amount_cents"] += tax_cents
    for name in (*PARTIAL_TOTALS, "total_tax_amount_cents"):
        totals[name] += without_line.get(name, 0)
    totals["gift_card_amount_cents"] = gift_card_amount_cents
    totals["total_amount_cents"] = sum(
        (totals[name] for name in PARTIAL_TOTALS), without_line.get("total_amount_cents", 0)
    )
    totals["total_amount_with_taxes_cents"] = (
        totals["total_amount_cents"]
        + (0 if tax_included else totals["total_tax_amount_cents"])
        + gift_card_amount_cents
        + without_line.get("total_amount_with_taxes_cents", 0)
    )
    return totals


def amounts_without_line(
    head: Mapping[str, int], lines: Iterable[Amounts], *, tax_included: bool
) -> dict[str, int]:
    """Return, by total, what the head of an order holds that its lines do not; empty for most.

    ``order_totals`` of the same lines with this result gives ``head`` again.
    """
    gift_card = head["gift_card_amount_cents"]
    totals = order_totals(lines, tax_included=tax_included, gift_card_amount_cents=gift_card)
    extra = {
        name: head[name] - totals[name] for name in (*PARTIAL_TOTALS, "total_tax_amount_cents")
    }
    # A sum exceeds its lines by what its parts do; only what is beyond that is its own.
    total = head["total_amount_cents"] - totals["total_amount_cents"]
    extra["total_amount_cents"] = total - sum(extra[name] for name in PARTIAL_TOTALS)
    with_taxes = head["total_amount_with_taxes_cents"] - totals["total_amount_with_taxes_cents"]
    extra["total_amount_with_taxes_cents"] = (
        with_taxes - total - (0 if tax_included else extra["total_tax_amount_cents"])
    )
    return {name: cents for name, cents in extra.items() if cents}
