"""Distribute amounts to the cent: largest remainder and effective tax.

Amounts are integer cents; exact shares are fractions of them.
"""

from collections.abc import Sequence
from fractions import Fraction


def rounded(amount: Fraction) -> int:
    """Return the nearest whole cent; halves go away from zero."""
    magnitude = int(abs(amount) + Fraction(1, 2))
    return -magnitude if amount < 0 else magnitude


def share(amount: int, part: int, whole: int) -> int:
    """Return what ``part`` of ``whole`` gets of an amount, in whole cents; 0 of nothing."""
    return rounded(Fraction(amount * part, whole)) if whole else 0


def allocate(shares: Sequence[Fraction]) -> list[int]:
    """Round exact shares so that they add up to their rounded sum (largest remainder).

    Each share is off by less than a cent, and a whole one stays as it is. Equal remainders are
    served in order.
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
    """Shrink negative shares in proportion, if together they are below ``-most``."""
    total = -sum(shares, Fraction())
    return [share * most / total for share in shares] if total > most else list(shares)
