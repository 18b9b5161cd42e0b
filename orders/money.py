"""Format amounts as Commerce Layer does: ``€35,00``, ``-€100,00``."""

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
    """Format an amount with the separators of the language, after the currency symbol.

    The symbol comes first in every language, unlike in babel's locales. Babel can format with a
    pattern, but takes ten times as long.
    """
    symbol, group, decimal = _symbols(currency_code, language_code)
    decimals = precision(currency_code)
    units, rest = divmod(abs(amount_cents), 10**decimals)
    sign = "-" if amount_cents < 0 else ""
    fraction = f"{decimal}{rest:0{decimals}}" if decimals else ""
    return sign + symbol + f"{units:,}".replace(",", group) + fraction


@lru_cache(maxsize=65536)
def as_float(amount_cents: int, currency_code: str) -> float:
    """Convert an amount to units of the currency."""
    return float(amount_cents / 10 ** precision(currency_code))


@lru_cache
def precision(currency_code: str) -> int:
    """Return the number of decimals of the currency."""
    return int(get_currency_precision(currency_code))


@lru_cache(maxsize=1024)
def _symbols(currency_code: str, language_code: str) -> tuple[str, str, str]:
    """Return the currency symbol, the thousands separator and the decimal separator."""
    locale = _locale(language_code)
    symbol = get_currency_symbol(currency_code, locale)
    return symbol, get_group_symbol(locale), get_decimal_symbol(locale)


def _locale(language_code: str) -> Locale:
    try:
        return Locale.parse(language_code, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
