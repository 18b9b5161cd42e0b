"""Amounts as people read them, in the way of Commerce Layer: ``€35,00``, ``-€100,00``."""

from functools import lru_cache

from babel.core import Locale, UnknownLocaleError
from babel.numbers import (
    get_currency_precision,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
)


@lru_cache(maxsize=65536)
def formatted(amount_cents: int, currency_code: str, language_code: str) -> str:
    """The amount in the language's separators, behind the symbol of the currency.

    The symbol comes first in every language, which no locale of babel says for all. Babel itself
    could be given a pattern for that, but takes ten times as long.
    """
    symbol, group, decimal = _symbols(currency_code, language_code)
    decimals = precision(currency_code)
    units, rest = divmod(abs(amount_cents), 10**decimals)
    sign = "-" if amount_cents < 0 else ""
    fraction = f"{decimal}{rest:0{decimals}}" if decimals else ""
    return sign + symbol + f"{units:,}".replace(",", group) + fraction


@lru_cache(maxsize=65536)
def as_float(amount_cents: int, currency_code: str) -> float:
    """The amount in whole units of the currency."""
    return float(amount_cents / 10 ** precision(currency_code))


@lru_cache
def precision(currency_code: str) -> int:
    """How many decimals the currency has."""
    return int(get_currency_precision(currency_code))


@lru_cache(maxsize=1024)
def _symbols(currency_code: str, language_code: str) -> tuple[str, str, str]:
    """The currency's symbol, and what stands between thousands and before decimals."""
    locale = _locale(language_code)
    symbol = get_currency_symbol(currency_code, locale)
    return symbol, get_group_symbol(locale), get_decimal_symbol(locale)


def _locale(language_code: str) -> Locale:
    try:
        return Locale.parse(language_code, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
