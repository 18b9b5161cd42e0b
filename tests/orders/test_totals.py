from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.models import LineItem
from orders.totals import order_totals, rounded, share, tax_amount
from tests.factories import tax_of, totals_of

amounts = st.integers(-(10**7), 10**7)
rates = st.decimals(0, 1, places=4)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.5", 1), ("-0.5", -1), ("1.49", 1), ("1.5", 2), ("2.5", 3), ("-2.5", -3), ("0", 0)],
)
def test_halves_go_away_from_zero(amount: str, cents: int) -> None:
    assert rounded(Decimal(amount)) == cents


def test_the_tax_of_the_contract_is_included() -> None:
    """Contract 3.3: 3500 gross at 22 percent have tax 631."""
    assert tax_amount(3500, Decimal("0.22"), included=True) == 631
    assert tax_amount(2869, Decimal("0.22"), included=False) == 631


@given(amounts, rates, st.booleans())
def test_tax_is_the_same_whoever_works_it_out(amount: int, rate: Decimal, included: bool) -> None:
    assert tax_amount(amount, rate, included=included) == tax_of(amount, rate, included=included)


@given(amounts, rates, st.booleans())
def test_tax_of_a_discount_is_the_tax_it_saves(amount: int, rate: Decimal, included: bool) -> None:
    assert tax_amount(-amount, rate, included=included) == -tax_amount(
        amount, rate, included=included
    )


@given(amounts, st.integers(0, 1000), st.integers(0, 1000))
def test_the_shares_of_an_amount_add_up(amount: int, part: int, rest: int) -> None:
    whole = part + rest

    shares = share(amount, part, whole) + share(amount, rest, whole)

    assert share(amount, whole, whole) == (amount if whole else 0)
    assert abs(shares - (amount if whole else 0)) <= 1


@given(
    st.lists(st.tuples(st.sampled_from(LineItem.ItemType.values), amounts, amounts)),
    st.booleans(),
    st.integers(-1000, 0),
)
def test_totals_are_the_same_whoever_works_them_out(
    lines: list[tuple[str, int, int]], tax_included: bool, gift_card: int
) -> None:
    line_items = [
        LineItem(item_type=item_type, total_amount_cents=total, tax_amount_cents=tax)
        for item_type, total, tax in lines
    ]

    assert order_totals(
        lines, tax_included=tax_included, gift_card_amount_cents=gift_card
    ) == totals_of(line_items, tax_included=tax_included, gift_card_amount_cents=gift_card)
