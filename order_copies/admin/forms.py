"""What staff type in the admin: how to copy orders, and what a copy is filed under."""

import json
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

from order_copies.api.permissions import CHANGING_ORDERS
from order_copies.jsonapi.storable import MAX_BYTES, MAX_DEPTH, InvalidValueError
from order_copies.jsonapi.values import Object
from order_copies.models import OPTIONS, OrderCopy

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[OrderCopy]
else:
    ModelForm = forms.ModelForm


class CopyOrdersForm(ModelForm):
    """How to copy the selected orders.

    ``request_key`` names one page: the same submit with the same key copies nothing once more.
    It comes out of the page's address.
    Who may not change the orders (``may_change_orders``) can neither place nor cancel them.
    """

    request_key = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid"),
            _("This page was out of date, so nothing was copied. Check the preview and try again."),
        ),
    )

    class Meta:
        model = OrderCopy
        fields = [*OPTIONS, "reference", "reference_origin"]

    def __init__(
        self, data: Any = None, *, may_change_orders: bool, request_key: uuid.UUID | None = None
    ) -> None:
        super().__init__(data)
        self._request_key = request_key or uuid.uuid4()
        for name in () if may_change_orders else CHANGING_ORDERS:
            self.fields[name].disabled = True
            self.fields[name].help_text = _("Not for you: it takes permission to change orders.")

    def clean(self) -> dict[str, Any]:
        """Nothing is asked for by a field that is disabled."""
        for name in CHANGING_ORDERS:
            # Django passes over what is sent for such a field; the page was forged, or is old.
            if self.fields[name].disabled and self[name].data:
                self.add_error(name, _("You do not have permission to change these orders."))
        return self.cleaned_data

    @property
    def next_request_key(self) -> uuid.UUID:
        """The key that the page carries: the submitted one, that of its address, or a new one."""
        key = getattr(self, "cleaned_data", {}).get("request_key")
        return key if isinstance(key, uuid.UUID) else self._request_key

    def order_copies(self, orders: Iterable[Any]) -> list[OrderCopy]:
        """New copies of ``orders``, not saved, with what the form says so far."""
        said = getattr(self, "cleaned_data", {})
        values = {name: said[name] for name in self.Meta.fields if name in said}
        return [OrderCopy(source_order=order, **values) for order in orders]


class MetadataField(forms.JSONField):
    """A JSON object, by the rules of the API: what that accepted can be filed here again."""

    #: By the reasons of :class:`InvalidValueError`.
    default_error_messages: ClassVar[dict[str, Any]] = {
        "not_an_object": _('Enter a JSON object, for example {"key": "value"}.'),
        "too_deep": _("Nest the object less deeply: %(max_depth)s levels at most."),
        "too_long": _("Shorten the object: %(max_bytes)s bytes of JSON at most."),
        "not_text": _("Leave out the character U+0000 and unpaired surrogates."),
        "not_finite": _("Leave out numbers too large to be stored, NaN and Infinity."),
    }

    def __init__(self, **kwargs: Any) -> None:
        # For a callable default Django compares with a hidden input, and not with the row.
        super().__init__(**kwargs | {"show_hidden_initial": False})

    def to_python(self, value: Any) -> Any:
        """The object; raises ``ValidationError`` for whatever else was typed."""
        try:
            value = super().to_python(value)
            return {} if value is None else Object().check(value)
        except InvalidValueError as error:
            raise self._error(error.reason, max_depth=MAX_DEPTH, max_bytes=MAX_BYTES) from error
        except (ValueError, RecursionError) as error:
            # The parser's own limits: digits of a number, levels of nesting.
            raise self._error("invalid", value=value) from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed, as it is shown again: as text where it cannot be kept."""
        try:
            return self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)

    def _error(self, code: str, **params: Any) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code, params=params)


class OrderCopyForm(ModelForm):
    """What can be changed of a copy once it was asked for."""

    class Meta:
        model = OrderCopy
        fields = ["reference", "reference_origin", "metadata"]
        field_classes = {"metadata": MetadataField}
        widgets = {"metadata": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})}


def pretty(value: Any) -> str:
    """A JSON value as it is shown in a form or on a page."""
    return json.dumps(value, indent=2, ensure_ascii=False)
