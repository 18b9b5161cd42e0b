"""Distribute amounts to the cent by the largest remainder.

Amounts are integer cents; exact shares are fractions of cents.
"""

from collections.abc import Sequence
from fractions import Fraction

from order_copies.shops.amounts import rounded


def share(amount: int, part: int, whole: int) -> int:
    """Return ``amount * part / whole`` rounded to the cent; 0 if ``whole`` is 0."""
    return rounded(Fraction(amount * part, whole)) if whole else 0


def allocate(shares: Sequence[Fraction]) -> list[int]:
    """Round exact shares so that they add up to their rounded sum (largest remainder).

    Each result differs from its share by less than a cent; whole shares keep their value. Of equal
    remainders the first is rounded up.
    """
    floors = [share.numerator // share.denominator for share in shares]
    cents = rounded(sum(shares, Fraction())) - sum(floors)
    by_remainder = sorted(range(len(shares)), key=lambda index: floors[index] - shares[index])
    for index in by_remainder[:cents]:
        floors[index] += 1
    return floors


def scale(amounts: Sequence[int], factor: Fraction) -> list[int]:
    """Multiply amounts by ``factor``: the results add up to the rounded product of their sum."""
    return allocate([amount * factor for amount in amounts])


def limit(shares: Sequence[Fraction], most: int) -> list[Fraction]:
    """Reduce negative shares in proportion, if their sum is below ``-most``."""
    total = -sum(shares, Fraction())
    return [share * most / total for share in shares] if total > most else list(shares)
