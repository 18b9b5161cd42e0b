from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_copies.shops.amounts import rounded
from orders.allocation import allocate, limit, scale, share

amounts = st.integers(-(10**12), 10**12)
shares = st.lists(st.fractions(-(10**6), 10**6, max_denominator=1000), max_size=20)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("1/2", 1), ("-1/2", -1), ("1.49", 1), ("3/2", 2), ("5/2", 3), ("-5/2", -3), ("0", 0)],
)
def test_rounded__halves_are_rounded_away_from_zero(amount: str, cents: int) -> None:
    assert rounded(Fraction(amount)) == cents


@given(amounts, st.integers(0, 1000), st.integers(0, 1000))
def test_share__the_shares_of_an_amount_add_up(amount: int, part: int, rest: int) -> None:
    # given
    whole = part + rest

    # when
    shares = share(amount, part, whole) + share(amount, rest, whole)

    # then
    assert share(amount, whole, whole) == (amount if whole else 0)
    assert abs(shares - (amount if whole else 0)) <= 1


@given(shares)
def test_allocate__cents_add_up_and_each_is_off_by_less_than_one(exact: list[Fraction]) -> None:
    # when
    cents = allocate(exact)

    # then
    assert sum(cents) == rounded(sum(exact, Fraction()))
    assert all(abs(one - share) < 1 for one, share in zip(cents, exact, strict=True))


def test_allocate__the_largest_remainders_get_the_cents_left_over() -> None:
    assert allocate([Fraction("0.4"), Fraction("0.9"), Fraction("0.7")]) == [0, 1, 1]
    assert allocate([Fraction("-83.25")] * 4) == [-83, -83, -83, -84]


@given(st.lists(amounts, max_size=20), st.fractions(0, 3, max_denominator=1000))
def test_scale__the_results_add_up_to_the_scaled_sum(parts: list[int], factor: Fraction) -> None:
    assert sum(scale(parts, factor)) == rounded(sum(parts) * factor)


@given(shares, st.integers(0, 10**6))
def test_limit__negative_shares_never_exceed_it_and_keep_their_proportion(
    exact: list[Fraction], most: int
) -> None:
    # when
    limited = limit(exact, most)

    # then
    assert sum(limited, Fraction()) == max(sum(exact, Fraction()), -most)
    assert limited == exact or -sum(exact, Fraction()) > most
