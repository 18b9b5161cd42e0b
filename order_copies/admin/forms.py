"""Forms of the admin: the options of new copies, and reference and metadata of a copy."""

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from order_copies import copying
from order_copies.api.permissions import CHANGING_ORDERS
from order_copies.jsonapi.fields import ObjectField
from order_copies.jsonapi.storable import MAX_BYTES, MAX_DEPTH, InvalidValueError
from order_copies.models import OPTIONS, OrderCopy
from order_copies.shops import get_shop

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[OrderCopy]
else:
    ModelForm = forms.ModelForm


class CopyOrdersForm(ModelForm):
    """The options of copies of the selected orders.

    ``request_key`` identifies one visit of the page and is part of its address. A second submit
    with the same key and content creates no copies. Options that the shop cannot do are absent, and
    so are those of ``refused``, which the user may not turn on, each with its reason.
    """

    request_key = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid"),
            _("This page was out of date, so nothing was copied. Check the preview and try again."),
        ),
    )

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=255,
        help_text=_("Why these orders are copied. It is shown with the copies."),
    )

    class Meta:
        model = OrderCopy
        fields = [*OPTIONS, "reference", "reference_origin"]

    def __init__(
        self,
        data: Any = None,
        *,
        refused: Mapping[str, str],
        request_key: uuid.UUID | None = None,
    ) -> None:
        super().__init__(data)
        self._request_key = request_key or uuid.uuid4()
        reasons = {
            name: f"{capfirst(self.fields[name].label)}: {why}" for name, why in refused.items()
        }
        reasons |= {name: f"{capfirst(why)}." for name, why in get_shop().unsupported.items()}
        self._absent = {name: (self.fields.pop(name), reason) for name, reason in reasons.items()}

    def clean(self) -> dict[str, Any]:
        """Report values that were sent for absent fields: forged ones, or those of an old page."""
        for name, (field, reason) in self._absent.items():
            if field.widget.value_from_datadict(self.data, self.files, name):
                self.add_error(None, reason)
        return self.cleaned_data

    @property
    def next_request_key(self) -> uuid.UUID:
        """The key for the next page: the submitted one, that of the address, or a new one."""
        key = getattr(self, "cleaned_data", {}).get("request_key")
        return key if isinstance(key, uuid.UUID) else self._request_key

    def order_copies(self, orders: Iterable[Any]) -> list[OrderCopy]:
        """Return unsaved copies of ``orders`` with the valid values of the form."""
        cleaned = getattr(self, "cleaned_data", {})
        values = {name: cleaned[name] for name in self.Meta.fields if name in cleaned}
        values |= dict.fromkeys(self._absent, False)
        return copying.unsaved(orders, **values)


class RetryForm(forms.Form):
    """The toggles that staff may change when they retry copies: those that move no money."""

    def __init__(self, data: Any = None, *, refused: Collection[str], initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        absent = {*CHANGING_ORDERS, *get_shop().unsupported, *refused}
        for name in OPTIONS:
            if name not in absent:
                field: Any = OrderCopy._meta.get_field(name)
                self.fields[name] = field.formfield()

    @property
    def toggles(self) -> dict[str, bool]:
        """The toggles that differ from those of the batch."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class MetadataField(forms.JSONField):
    """A JSON object with the limits of the API, so that a value set over the API can be saved."""

    #: Messages by the ``reason`` of :class:`InvalidValueError`.
    default_error_messages: ClassVar[dict[str, Any]] = {
        "not_an_object": _('Enter a JSON object, for example {"key": "value"}.'),
        "too_deep": _("Nest the object less deeply: %(max_depth)s levels at most."),
        "too_long": _("Shorten the object: %(max_bytes)s bytes of JSON at most."),
        "not_text": _("Leave out the character U+0000 and unpaired surrogates."),
        "not_finite": _("Leave out numbers too large to be stored, NaN and Infinity."),
    }

    def __init__(self, **kwargs: Any) -> None:
        # With a callable default Django would compare with a hidden input instead of the row.
        super().__init__(**kwargs | {"show_hidden_initial": False})

    def to_python(self, value: Any) -> Any:
        """Return the parsed object. Raises ValidationError for any other input."""
        try:
            value = super().to_python(value)
            return {} if value is None else ObjectField().to_internal_value(value)
        except InvalidValueError as error:
            raise self._error(error.reason, max_depth=MAX_DEPTH, max_bytes=MAX_BYTES) from error
        except (ValueError, RecursionError) as error:
            # The limits of Python's parser: digits of a number, levels of nesting.
            raise self._error("invalid", value=value) from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the value to show again: the object, or the text as typed if it is invalid."""
        try:
            return self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)

    def _error(self, code: str, **params: Any) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code, params=params)


class OrderCopyForm(ModelForm):
    """The fields of a copy that staff may change after it was requested."""

    class Meta:
        model = OrderCopy
        fields = ["reference", "reference_origin", "metadata"]
        field_classes = {"metadata": MetadataField}
        widgets = {"metadata": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})}


def pretty(value: Any) -> str:
    """Return ``value`` as indented JSON for a form or a page."""
    return json.dumps(value, indent=2, ensure_ascii=False)
