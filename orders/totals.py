"""Compute the totals of an order, in integer cents."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from order_copies.shops.amounts import rounded
from orders.models import LineItem

ItemType = LineItem.ItemType

#: The types of lines that sell something.
GOODS = frozenset({ItemType.SKUS, ItemType.GIFT_CARDS})
#: The types of discount lines.
PROMOTIONS = frozenset(
    {
        ItemType.PERCENTAGE_DISCOUNT_PROMOTIONS,
        ItemType.FIXED_AMOUNT_PROMOTIONS,
        ItemType.FREE_SHIPPING_PROMOTIONS,
    }
)

#: The partial total of an order that includes the lines of a type.
amount_of_type = {
    ItemType.SHIPMENTS.value: "shipping_amount_cents",
    ItemType.PAYMENT_METHODS.value: "payment_method_amount_cents",
    ItemType.ADJUSTMENTS.value: "adjustment_amount_cents",
    **{item_type.value: "subtotal_amount_cents" for item_type in GOODS},
    **{item_type.value: "discount_amount_cents" for item_type in PROMOTIONS},
}

#: The totals that add up to ``total_amount_cents``.
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


#: The type, total and tax of a line.
Amounts = tuple[str, int, int]
NOTHING: Mapping[str, int] = MappingProxyType({})


def tax_amount(total_cents: int, rate: Decimal, *, included: bool) -> int:
    """Return the tax that is ``included`` in an amount, or added on top of it, in cents."""
    part, whole = rate.as_integer_ratio()
    return rounded(Fraction(total_cents * part, whole + part if included else whole))


def order_totals(
    lines: Iterable[Amounts],
    *,
    tax_included: bool,
    gift_card_amount_cents: int = 0,
    without_line: Mapping[str, int] = NOTHING,
) -> dict[str, int]:
    """Return all totals of an order with these lines, by name.

    ``without_line`` holds, by total, the cents that no line of an imported order explains.
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
    """Return, by total, the cents of an order's totals that no line explains; empty for most.

    ``head`` are the stored totals. ``order_totals`` of the same lines with this result returns
    ``head``.
    """
    gift_card = head["gift_card_amount_cents"]
    totals = order_totals(lines, tax_included=tax_included, gift_card_amount_cents=gift_card)
    extra = {
        name: head[name] - totals[name] for name in (*PARTIAL_TOTALS, "total_tax_amount_cents")
    }
    # A sum contains the unexplained cents of its parts; only the rest is its own.
    total = head["total_amount_cents"] - totals["total_amount_cents"]
    extra["total_amount_cents"] = total - sum(extra[name] for name in PARTIAL_TOTALS)
    with_taxes = head["total_amount_with_taxes_cents"] - totals["total_amount_with_taxes_cents"]
    extra["total_amount_with_taxes_cents"] = (
        with_taxes - total - (0 if tax_included else extra["total_tax_amount_cents"])
    )
    return {name: cents for name, cents in extra.items() if cents}
