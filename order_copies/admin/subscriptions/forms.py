"""Forms of subscriptions: terms, items, pause, models. :mod:`subscribing` has that of new ones."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.forms import MetadataField
from order_copies.admin.subscriptions.words import add_problems, frequency_label
from order_copies.currencies import decimal_places
from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.shops import get_shop
from order_copies.subscriptions import rules
from order_copies.subscriptions.slots import (
    FREQUENCIES,
    MAX_LENGTH,
    InvalidFrequencyError,
    clean_frequency,
)

if TYPE_CHECKING:
    TermsModelForm = forms.ModelForm[OrderSubscription]
    ItemModelForm = forms.ModelForm[OrderSubscriptionItem]
    ItemModelFormSet = forms.BaseInlineFormSet[OrderSubscriptionItem, OrderSubscription, "ItemForm"]
    ModelModelForm = forms.ModelForm[SubscriptionModel]
else:
    TermsModelForm = ItemModelForm = ModelModelForm = forms.ModelForm
    ItemModelFormSet = forms.BaseInlineFormSet

CRONTAB = "crontab"


class FrequencyWidget(forms.MultiWidget):
    """A list of named frequencies, and a text for a crontab expression."""

    def __init__(self) -> None:
        named = [(name, frequency_label(name)) for name in FREQUENCIES]
        choices = [*named, (CRONTAB, _("by a crontab expression"))]
        crontab = forms.TextInput(
            attrs={
                "size": 20,
                "maxlength": MAX_LENGTH,
                "aria-label": _("Crontab expression"),
                "placeholder": _("crontab: 0 9 * * MON"),
            }
        )
        super().__init__({"name": forms.Select(choices=choices), "crontab": crontab})

    def decompress(self, value: Any) -> list[str]:
        """Return the choice and the crontab expression for a frequency."""
        if not value or value in FREQUENCIES:
            return [value or "monthly", ""]
        return [CRONTAB, value]


class FrequencyField(forms.MultiValueField):
    """Any frequency: one with a name, or a crontab expression."""

    def __init__(self, **kwargs: Any) -> None:
        fields = (forms.CharField(), forms.CharField(required=False))
        super().__init__(fields, require_all_fields=False, widget=FrequencyWidget(), **kwargs)

    def compress(self, data_list: Any) -> str:
        """Return the frequency in its normal form. Raises ValidationError for any other text."""
        name, crontab = [*(data_list or []), "", ""][:2]
        if crontab and name != CRONTAB:
            raise ValidationError(
                _("Choose “by a crontab expression”, or leave the expression empty.")
            )
        text = crontab if name == CRONTAB else name
        if not text:
            raise ValidationError(_("Enter a crontab expression, for example 0 9 * * MON."))
        try:
            return clean_frequency(text)
        except InvalidFrequencyError as error:
            raise ValidationError(str(error)) from error


def frequency_field(model: SubscriptionModel | None) -> forms.Field:
    """Return the field for the frequency of a subscription: of those that its model allows."""
    label = gettext_lazy("Frequency")
    if model is None:
        return FrequencyField(label=label)
    choices = [(name, frequency_label(name)) for name in model.frequencies]
    return forms.ChoiceField(label=label, choices=choices)


class TermsForm(TermsModelForm):
    """The terms of a subscription that staff may change, checked by the rules of the API."""

    class Meta:
        model = OrderSubscription
        fields = [
            "frequency",
            "next_run_at",
            "expires_at",
            "place_target_order",
            "renewal_alert_period",
            "price_policy",
            "max_price_increase_percent",
            "reference",
            "reference_origin",
            "metadata",
        ]
        field_classes = {"metadata": MetadataField}
        widgets = {"metadata": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})}
        labels = {
            "next_run_at": gettext_lazy("Next run"),
            "expires_at": gettext_lazy("End"),
            "place_target_order": gettext_lazy("Place each new order"),
            "renewal_alert_period": gettext_lazy("Announce"),
        }
        help_texts = {
            "next_run_at": gettext_lazy("Can be moved to a later time; later runs move with it."),
            "place_target_order": gettext_lazy(
                "It is paid from the customer's wallet. Otherwise it is a draft."
            ),
            "renewal_alert_period": gettext_lazy("Hours before the next run, 1 to 720."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "frequency" in self.fields:
            self.fields["frequency"] = frequency_field(self.instance.subscription_model)
        if "next_run_at" in self.fields:
            # A run that takes place while the page is open moves it: that is no change of the user.
            self.fields["next_run_at"].show_hidden_initial = True
        if "price_policy" in self.fields:
            known = get_shop().price_policies
            policies = OrderSubscription.PricePolicy.choices
            self.fields["price_policy"].choices = [it for it in policies if it[0] in known]  # type: ignore[attr-defined]

    @property
    def changed_values(self) -> dict[str, Any]:
        """The valid values that the user changed."""
        names = [name for name in self.changed_data if name in self.cleaned_data]
        return {name: self.cleaned_data[name] for name in names}

    def clean(self) -> dict[str, Any]:
        """Report values that the rules forbid. The instance is still as the database has it."""
        values = rules.cleaned(self.changed_values)
        found = rules.of_update(self.instance, values, get_shop(), timezone.now())
        add_problems(self, found)
        return self.cleaned_data


class ItemForm(ItemModelForm):
    """An item of an automatic subscription, with its unit amount in whole units of the currency."""

    unit_amount = forms.DecimalField(
        label=gettext_lazy("Unit amount"),
        required=False,
        min_value=0,
        max_digits=17,
        help_text=gettext_lazy("Leave it empty for a new item to get the current price."),
    )

    class Meta:
        model = OrderSubscriptionItem
        fields = ["sku_code", "quantity"]

    #: The currency of a new item.
    currency_code = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        item, is_new = self.instance, self.instance.pk is None
        self._places = decimal_places(self.currency_code if is_new else item.currency_code)
        if not is_new:
            self.fields["sku_code"].disabled = True
            self.initial["unit_amount"] = Decimal(item.unit_amount_cents).scaleb(-self._places)
        self.fields["unit_amount"].required = not is_new
        self.fields["sku_code"].required = is_new

    @property
    def changed_values(self) -> dict[str, Any]:
        """The values that the user changed, by the attributes of an item."""
        values = {name: self.cleaned_data[name] for name in self.changed_data}
        if "unit_amount" in values:
            values["unit_amount_cents"] = self._cents(values.pop("unit_amount"))
        return values

    def clean_unit_amount(self) -> Decimal | None:
        """Refuse a part of the smallest unit."""
        amount: Decimal | None = self.cleaned_data["unit_amount"]
        if amount is not None and amount.scaleb(self._places) % 1:
            raise ValidationError(_("At most %(count)d decimal places.") % {"count": self._places})
        return amount

    def _cents(self, amount: Decimal | None) -> int | None:
        return None if amount is None else int(amount.scaleb(self._places))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        item = self.instance
        item.unit_amount_cents = self._cents(self.cleaned_data.get("unit_amount"))  # type: ignore[assignment]
        is_new = item.pk is None
        problems = get_shop().complete_item(item) if is_new else []
        problems = problems or rules.of_item(item)
        add_problems(self, problems, unit_amount_cents="unit_amount", item="sku_code")


class ItemFormSet(ItemModelFormSet):
    """The items of an automatic subscription: at least one is left."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Name each field: the heads of the columns are no labels."""
        super().add_fields(form, index)
        for field in form.fields.values():
            field.widget.attrs["aria-label"] = field.label

    def clean(self) -> None:
        """Refuse to delete all items."""
        super().clean()
        kept = [
            form
            for form in self.forms
            if form not in self.deleted_forms and (form.instance.pk or form.has_changed())
        ]
        if self.is_bound and not kept:
            raise ValidationError(
                _("At least one item must be left. To stop the copies, cancel the subscription.")
            )


class LocalDateTimeField(forms.DateTimeField):
    """A point in time in the user's time zone, entered with the browser's own calendar."""

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "60"}, format="%Y-%m-%dT%H:%M"
    )

    def __init__(self, **kwargs: Any) -> None:
        zone = timezone.get_current_timezone_name()
        super().__init__(**kwargs | {"help_text": kwargs.get("help_text") or zone})


class PauseForm(forms.Form):
    """Until when a subscription pauses."""

    resumes_at = LocalDateTimeField(label=gettext_lazy("Resume at"))


class SubscriptionModelForm(ModelModelForm):
    """A subscription model: its frequencies as boxes to tick, and crontab expressions as lines."""

    named = forms.MultipleChoiceField(
        label=gettext_lazy("Frequencies"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[(name, name) for name in FREQUENCIES],
        help_text=gettext_lazy("The customers choose among these."),
    )
    crontabs = forms.CharField(
        label=gettext_lazy("Crontab expressions"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40, "placeholder": "0 9 * * MON"}),
        help_text=gettext_lazy(
            "Further frequencies, one a line: minute, hour, day, month and weekday."
        ),
    )

    class Meta:
        model = SubscriptionModel
        fields = [
            "name",
            "strategy",
            "auto_activate",
            "auto_cancel",
            "reference",
            "reference_origin",
            "metadata",
        ]
        field_classes = {"metadata": MetadataField}
        widgets = {"metadata": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["named"].choices = [(it, frequency_label(it)) for it in FREQUENCIES]  # type: ignore[attr-defined]
        known = [it for it in self.instance.frequencies if it in FREQUENCIES]
        others = [it for it in self.instance.frequencies if it not in FREQUENCIES]
        self.initial = {**self.initial, "named": known, "crontabs": "\n".join(map(str, others))}

    @property
    def changed_values(self) -> dict[str, Any]:
        """The valid values that the user changed, by the attributes of a model."""
        names = {"frequencies" if it in {"named", "crontabs"} else it for it in self.changed_data}
        return {name: getattr(self.instance, name) for name in names}

    def clean_crontabs(self) -> list[str]:
        """Return the crontab expressions in their normal form."""
        found, errors = [], []
        for line in filter(None, map(str.strip, self.cleaned_data["crontabs"].splitlines())):
            try:
                found.append(clean_frequency(line))
            except InvalidFrequencyError as error:
                errors.append(f"{line}: {error}")
        if errors:
            raise ValidationError(errors)
        return found

    def clean(self) -> dict[str, Any]:
        """Set the frequencies of the model. At least one is required."""
        cleaned = self.cleaned_data
        if "named" in cleaned and "crontabs" in cleaned:
            frequencies = list(dict.fromkeys([*cleaned["named"], *cleaned["crontabs"]]))
            if not frequencies:
                self.add_error("named", _("Choose at least one frequency."))
            self.instance.frequencies = frequencies
        return cleaned
