from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orders.models import LineItem
from orders.totals import TOTALS, amounts_without_line, order_totals, tax_amount
from tests.factories import tax_of, totals_of

amounts = st.integers(-(10**7), 10**7)
rates = st.decimals(0, 1, places=4)


def test_tax_amount__example_of_the_contract() -> None:
    """Contract 3.3: 3500 gross at 22 percent have tax 631."""
    assert tax_amount(3500, Decimal("0.22"), included=True) == 631
    assert tax_amount(2869, Decimal("0.22"), included=False) == 631


@given(amounts, rates, st.booleans())
def test_tax_amount__agrees_with_the_factories(amount: int, rate: Decimal, included: bool) -> None:
    assert tax_amount(amount, rate, included=included) == tax_of(amount, rate, included=included)


@given(amounts, rates, st.booleans())
def test_tax_amount__of_a_discount_is_negative(amount: int, rate: Decimal, included: bool) -> None:
    assert tax_amount(-amount, rate, included=included) == -tax_amount(
        amount, rate, included=included
    )


@given(
    st.lists(st.tuples(st.sampled_from(LineItem.ItemType.values), amounts, amounts)),
    st.booleans(),
    st.integers(-1000, 0),
)
def test_order_totals__agree_with_the_factories(
    lines: list[tuple[str, int, int]], tax_included: bool, gift_card: int
) -> None:
    line_items = [
        LineItem(item_type=item_type, total_amount_cents=total, tax_amount_cents=tax)
        for item_type, total, tax in lines
    ]

    assert order_totals(
        lines, tax_included=tax_included, gift_card_amount_cents=gift_card
    ) == totals_of(line_items, tax_included=tax_included, gift_card_amount_cents=gift_card)


@given(
    st.lists(st.tuples(st.sampled_from(LineItem.ItemType.values), amounts, amounts)),
    st.booleans(),
    st.fixed_dictionaries(dict.fromkeys(TOTALS, amounts)),
)
def test_amounts_without_line__complete_the_lines_to_the_totals(
    lines: list[tuple[str, int, int]], tax_included: bool, totals: dict[str, int]
) -> None:
    extra = amounts_without_line(totals, lines, tax_included=tax_included)

    assert totals == order_totals(
        lines,
        tax_included=tax_included,
        gift_card_amount_cents=totals["gift_card_amount_cents"],
        without_line=extra,
    )


def test_amounts_without_line__hold_amounts_that_no_line_explains() -> None:
    # given
    lines = [("skus", 2000, 361)]
    totals = order_totals([*lines, ("shipments", 700, 0)], tax_included=True)

    # when
    extra = amounts_without_line(totals, lines, tax_included=True)

    # then
    assert extra == {"shipping_amount_cents": 700}
