"""The decimal places of currencies (ISO 4217)."""

#: Currencies without a minor unit.
_WHOLE = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
#: Currencies whose minor unit is a thousandth.
_THOUSANDTHS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
#: All currencies whose minor unit is not a hundredth, with their decimal places.
_OTHER_PLACES = dict.fromkeys(_WHOLE, 0) | dict.fromkeys(_THOUSANDTHS, 3)


def decimal_places(currency_code: str) -> int:
    """Return the number of digits after the decimal point of amounts in a currency."""
    return _OTHER_PLACES.get(currency_code, 2)
