"""The base class of the shop's serializers, and the fields of amounts."""

from typing import Any

from django.db import models

from order_copies.api.serializers import CommonSerializer
from order_copies.jsonapi.fields import AnyField, FloatField, StringField, ValueField
from orders.money import as_float, formatted


class AmountField(FloatField):
    """An amount as a number in units of its currency. The row has ``currency_code``."""

    comparisons = frozenset()

    def to_representation(self, value: Any) -> float | None:  # type: ignore[override]
        """Return the amount of a row, or None."""
        cents = getattr(value, cents_name(self.field_name))
        return None if cents is None else as_float(cents, value.currency_code)


class FormattedAmountField(StringField):
    """An amount as text. The row has ``currency_code`` and ``language_code``."""

    comparisons = frozenset()

    def to_representation(self, value: Any) -> str | None:
        """Return the formatted amount of a row, or None."""
        cents = getattr(value, cents_name(self.field_name))
        if cents is None:
            return None
        return formatted(cents, value.currency_code, value.language_code)


def amounts(*names: str) -> list[str]:
    """Return the names of the three forms of amounts: cents, a number and formatted.

    The model has the cents; :class:`ShopSerializer` builds the fields of the other two.
    """
    return [
        form for name in names for form in (f"{name}_cents", f"{name}_float", f"formatted_{name}")
    ]


def cents_name(field_name: str | None) -> str:
    """Return the name of the model field with the cents of an amount."""
    name = str(field_name)
    return f"{name.removeprefix('formatted_').removesuffix('_float')}_cents"


class ShopSerializer(CommonSerializer):
    """A resource of the shop."""

    def build_field(
        self, field_name: str, info: Any, model_class: type[models.Model], nested_depth: int
    ) -> tuple[type[AnyField], dict[str, Any]]:
        """Return the field of a name, for amounts too."""
        built: tuple[type[AnyField], dict[str, Any]]
        field_class: type[ValueField] | None = None
        if field_name.startswith("formatted_"):
            field_class = FormattedAmountField
        elif field_name.endswith("_float"):
            field_class = AmountField
        if field_class:
            return field_class, {"source": "*", "read_only": True}
        built = super().build_field(field_name, info, model_class, nested_depth)
        return built
