"""The base class of the shop's serializers, and the fields of amounts."""

from typing import Any

from django.db import models

from order_copies.api.serializers import CommonSerializer
from order_copies.api.serializers.common import AmountField
from order_copies.jsonapi.fields import AnyField, FloatField, StringField
from orders.money import as_float, formatted


class FloatAmountField(AmountField):
    """An amount as a number in units of its currency."""

    json_schema = FloatField.json_schema

    def to_representation(self, value: Any) -> float | None:
        """Return the amount of a row, or None."""
        cents = self.cents_of(value)
        return None if cents is None else as_float(cents, value.currency_code)


class FormattedAmountField(AmountField):
    """An amount as text. The row has ``language_code`` too."""

    json_schema = StringField.json_schema

    def to_representation(self, value: Any) -> str | None:
        """Return the formatted amount of a row, or None."""
        cents = self.cents_of(value)
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


class ShopSerializer(CommonSerializer):
    """A resource of the shop."""

    def build_field(
        self, field_name: str, info: Any, model_class: type[models.Model], nested_depth: int
    ) -> tuple[type[AnyField], dict[str, Any]]:
        """Return the field of a name, for amounts too."""
        if field_name.startswith("formatted_"):
            return FormattedAmountField, {}
        if field_name.endswith("_float"):
            return FloatAmountField, {}
        built: tuple[type[AnyField], dict[str, Any]]
        built = super().build_field(field_name, info, model_class, nested_depth)
        return built
