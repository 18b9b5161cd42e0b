"""Amounts as people read them, in the way of Commerce Layer: ``€35,00``, ``-€100,00``."""

from functools import lru_cache

from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision

# The symbol comes first in every language, which no locale of babel says for all.
_PATTERN = "¤#,##0.00;-¤#,##0.00"


@lru_cache(maxsize=65536)
def formatted(amount_cents: int, currency_code: str, language_code: str) -> str:
    """The amount in the language's digits and separators."""
    amount = amount_cents / 10 ** precision(currency_code)
    return format_currency(amount, currency_code, _PATTERN, _locale(language_code))


def as_float(amount_cents: int, currency_code: str) -> float:
    """The amount in whole units of the currency."""
    return float(amount_cents / 10 ** precision(currency_code))


@lru_cache
def precision(currency_code: str) -> int:
    """How many decimals the currency has."""
    return int(get_currency_precision(currency_code))


@lru_cache
def _locale(language_code: str) -> Locale:
    try:
        return Locale.parse(language_code, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
