import pytest
from babel.core import Locale
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, list_currencies
from hypothesis import given
from hypothesis import strategies as st

from orders.money import as_float, formatted


@pytest.mark.parametrize(
    ("amount_cents", "currency_code", "language_code", "text"),
    [
        (3500, "EUR", "it", "€35,00"),
        (-10000, "EUR", "it", "-€100,00"),
        (123456, "EUR", "it", "€1.234,56"),
        (123456, "USD", "en-US", "$1,234.56"),
        (123456, "GBP", "en", "£1,234.56"),
        (0, "EUR", "de", "€0,00"),
        (1235, "JPY", "ja", "\uffe51,235"),
        (1235, "KWD", "en", "KWD1.235"),
        (1250, "EUR", "xx-nonsense", "€12.50"),
        (1250, "EUR", "", "€12.50"),
    ],
)
def test_formatted__symbol_comes_first(
    amount_cents: int, currency_code: str, language_code: str, text: str
) -> None:
    assert formatted(amount_cents, currency_code, language_code) == text


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(sorted(list_currencies())),
    st.sampled_from(sorted(locale_identifiers())),
)
def test_formatted__agrees_with_babel(amount_cents: int, currency_code: str, locale: str) -> None:
    # when
    text = formatted(amount_cents, currency_code, locale.replace("_", "-"))

    # then
    amount, pattern = as_float(amount_cents, currency_code), "¤#,##0.00;-¤#,##0.00"
    assert text == format_currency(amount, currency_code, pattern, Locale.parse(locale))


@pytest.mark.parametrize(
    ("amount_cents", "currency_code", "amount"),
    [(1250, "EUR", 12.5), (-1, "EUR", -0.01), (1250, "JPY", 1250.0), (1250, "KWD", 1.25)],
)
def test_as_float__uses_the_decimals_of_the_currency(
    amount_cents: int, currency_code: str, amount: float
) -> None:
    assert as_float(amount_cents, currency_code) == amount
