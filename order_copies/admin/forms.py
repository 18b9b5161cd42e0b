"""Forms of the admin: the options of new copies, and reference and metadata of a copy."""

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from order_copies.api.permissions import CHANGING_ORDERS
from order_copies.jsonapi.fields import ObjectField
from order_copies.jsonapi.storable import MAX_BYTES, MAX_DEPTH, InvalidValueError
from order_copies.models import OPTIONS, BatchDraft, OrderCopy
from order_copies.shops import get_shop

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[OrderCopy]
else:
    ModelForm = forms.ModelForm

#: The fields of a draft that are texts.
TEXTS = ("reference", "reference_origin", "reason")


class CopyOrdersForm(ModelForm):
    """The options of the copies of a draft.

    Options that the shop cannot do are absent, and so are those of ``refused``, which the user may
    not turn on, each with its reason.
    """

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=255,
        help_text=_("Why these orders are copied. It is shown with the copies."),
    )

    class Meta:
        model = OrderCopy
        fields = [*OPTIONS, "reference", "reference_origin"]
        labels = {
            "place_target_order": _("Place the copies"),
            "cancel_source_order": _("Cancel the originals"),
            "skip_errors": _("Copy without missing items"),
            "ignore_invalid_coupon": _("Leave out invalid coupons"),
            "reuse_wallet": _("Same payment source"),
            "apply_promotions": _("Promotions of today"),
        }

    def __init__(self, data: Any = None, *, draft: BatchDraft, refused: Mapping[str, str]) -> None:
        self.refused = refused
        initial = {name: name in draft.options for name in OPTIONS}
        super().__init__(data, initial=initial | {name: getattr(draft, name) for name in TEXTS})
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
    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields in groups: what happens, what else is copied, and the texts."""
        names = {
            _("What happens"): CHANGING_ORDERS,
            _("If something is missing"): ("skip_errors", "ignore_invalid_coupon"),
            _("Payment and prices"): ("reuse_wallet", "apply_promotions"),
            _("Reference and reason"): TEXTS,
        }
        groups = [
            (label, [self[name] for name in fields if name in self.fields])
            for label, fields in names.items()
        ]
        return [group for group in groups if group[1]]

    @property
    def toggles(self) -> list[str]:
        """The names of the toggles that are on, of a valid form."""
        return [name for name in OPTIONS if self.cleaned_data.get(name)]

    @property
    def texts(self) -> dict[str, str | None]:
        """The reference, its origin and the reason, of a valid form."""
        return {name: self.cleaned_data[name] for name in TEXTS}


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
