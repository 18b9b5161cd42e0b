"""The form with what the copy of one order takes otherwise than its original."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies import changes
from order_copies.admin.permissions import may
from order_copies.exceptions import ChangesRefusedError, Refusal
from order_copies.models import BatchDraft, OrderCopy
from order_copies.shops import Capability, DescribedLine, get_shop

#: The largest number of lines of an order that the form can change.
MAX_LINES = 150
#: The permission that each change needs, without the suffix ``_ordercopy``.
PERMISSIONS = {
    "line_items": "change_lines",
    "customer_email": "change_customer",
    "shipping_address": "change_customer",
    "billing_address": "change_customer",
}
#: The attributes of an address in the form, with their labels.
ADDRESS = {
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "company": gettext_lazy("Company"),
    "line_1": gettext_lazy("Street"),
    "line_2": gettext_lazy("Street, second line"),
    "zip_code": gettext_lazy("ZIP code"),
    "city": gettext_lazy("City"),
    "state_code": gettext_lazy("State"),
    "country_code": gettext_lazy("Country code"),
    "phone": gettext_lazy("Phone"),
}
ROLES = {
    "shipping_address": gettext_lazy("Another shipping address"),
    "billing_address": gettext_lazy("Another billing address"),
}


class LineFields(NamedTuple):
    """The fields of one line: whether it is copied, how many pieces, and by which SKU."""

    line: DescribedLine
    is_copied: forms.BoundField
    quantity: forms.BoundField
    sku_code: forms.BoundField | None


def allowed_changes(request: Any) -> list[str]:
    """Return the changes that the shop can make and the user may request."""
    possible = {name for one in get_shop().capabilities for name in one.changes}
    return [name for name, verb in PERMISSIONS.items() if name in possible and may(request, verb)]


class ChangesForm(forms.Form):
    """The changes of the only order of a draft; those that are not ``allowed`` are absent.

    A form that is not bound shows the changes that the draft has.
    """

    #: Is sent with this form only: a page without the form changes nothing.
    has_changes = forms.CharField(widget=forms.HiddenInput, required=False, initial="1")

    def __init__(
        self, data: Any = None, *, draft: BatchDraft, order: Any, allowed: Collection[str]
    ) -> None:
        super().__init__(data)
        self._order, self._saved, self._allowed = order, draft.changes or {}, allowed
        self._lines = list(self._changeable(order)) if "line_items" in allowed else []
        for line in self._lines:
            self._add_line(line)
        if "customer_email" in allowed:
            self.fields["customer_email"] = forms.EmailField(
                label=_("Another customer"),
                required=False,
                initial=self._saved.get("customer_email", ""),
                help_text=_("The email of a customer. The copy is not paid with another's card."),
            )
        for role in ROLES:
            for name, label in ADDRESS.items() if role in allowed else ():
                initial = self._saved.get(role, {}).get(name, "")
                field = forms.CharField(label=label, required=False, initial=initial)
                self.fields[f"{role}-{name}"] = field

    def _changeable(self, order: Any) -> Sequence[DescribedLine]:
        [described] = get_shop().describe([order])
        lines = [line for line in described.lines if line.is_goods] if described else []
        self.has_too_many_lines = len(lines) > MAX_LINES
        return [] if self.has_too_many_lines else lines

    def _add_line(self, line: DescribedLine) -> None:
        saved = self._saved.get("line_items")
        wanted = {one["id"]: one for one in saved or ()}
        one = wanted.get(line.id, {})
        self.fields[f"line-{line.id}"] = forms.BooleanField(
            label=_("Copy %(line)s") % {"line": line.name},
            required=False,
            initial=saved is None or line.id in wanted,
        )
        self.fields[f"quantity-{line.id}"] = forms.IntegerField(
            label=_("Quantity of %(line)s") % {"line": line.name},
            required=False,
            # The present quantity is valid, also if it is 0 or larger than a request may be.
            min_value=min(1, line.quantity),
            max_value=max(changes.MAX_QUANTITY, line.quantity),
            initial=one.get("quantity", line.quantity),
        )
        if Capability.REPLACEMENTS in get_shop().capabilities and line.sku_code:
            self.fields[f"sku-{line.id}"] = forms.CharField(
                label=_("SKU instead of %(line)s") % {"line": line.name},
                required=False,
                max_length=255,
                initial=one.get("sku_code", ""),
            )

    @property
    def lines(self) -> list[LineFields]:
        """The fields of each line."""
        return [
            LineFields(
                line,
                self[f"line-{line.id}"],
                self[f"quantity-{line.id}"],
                self[f"sku-{line.id}"] if f"sku-{line.id}" in self.fields else None,
            )
            for line in self._lines
        ]

    @property
    def addresses(self) -> list[tuple[Any, list[forms.BoundField], bool]]:
        """Label and fields of each address, and whether one of them has a value or an error."""
        found = []
        for role, label in ROLES.items():
            fields = [self[name] for name in self.fields if name.startswith(f"{role}-")]
            is_open = any(field.value() or field.errors for field in fields)
            if fields:
                found.append((label, fields, is_open))
        return found

    @property
    def customer(self) -> list[forms.BoundField]:
        """The field of the customer, if it may be changed."""
        return [self["customer_email"]] if "customer_email" in self.fields else []

    @property
    def is_open(self) -> bool:
        """Whether the form is unfolded: something is changed, or wrong."""
        return bool(self._saved or self.errors)

    def clean(self) -> dict[str, Any]:
        """Collect the changes, and ask the shop whether the order has what they name."""
        if self.errors:
            return self.cleaned_data
        sent = dict(self._sent())
        try:
            self.changes = changes.cleaned(sent)
            self._check()
        except ChangesRefusedError as error:
            for refusal in error.refusals:
                self._report(refusal, sent)
        return self.cleaned_data

    def _check(self) -> None:
        if self.changes:
            order_copy = OrderCopy(source_order=self._order, changes=self.changes)
            if refusals := get_shop().refuse_changes([order_copy])[0]:
                raise ChangesRefusedError(refusals)

    def _sent(self) -> Iterator[tuple[str, Any]]:
        # What another user has changed, and this one may not, stays.
        yield from ((name, one) for name, one in self._saved.items() if name not in self._allowed)
        lines = [dict(self._line(line)) for line in self._lines if self._value("line", line)]
        if self._lines and not lines:
            self.add_error(None, _("Tick the lines to copy: a copy needs at least one."))
        elif [{"id": line.id} for line in self._lines] != lines:
            yield "line_items", lines
        if email := self.cleaned_data.get("customer_email"):
            yield "customer_email", email
        for role in ROLES:
            values = {name: self.cleaned_data.get(f"{role}-{name}") for name in ADDRESS}
            if address := {name: value for name, value in values.items() if value}:
                yield role, address

    def _line(self, line: DescribedLine) -> Iterator[tuple[str, Any]]:
        yield "id", line.id
        quantity, sku_code = self._value("quantity", line), self._value("sku", line)
        if quantity is not None and quantity != line.quantity:
            yield "quantity", quantity
        if sku_code and sku_code != line.sku_code:
            yield "sku_code", sku_code

    def _value(self, prefix: str, line: DescribedLine) -> Any:
        return self.cleaned_data.get(f"{prefix}-{line.id}")

    def _report(self, refusal: Refusal, sent: Mapping[str, Any]) -> None:
        """Show why a value is refused at its field."""
        name, *rest = refusal.path
        field, text = name, refusal.message
        if name == "line_items" and len(rest) == 2:
            prefix = {"quantity": "quantity", "sku_code": "sku"}.get(rest[1], "line")
            field = f"{prefix}-{sent['line_items'][int(rest[0])]['id']}"
        elif rest:
            field = f"{name}-{rest[0]}"
        if field in self.fields:
            self.add_error(field, text)
        else:
            self.add_error(None, f"{'/'.join(refusal.path)}: {text}")
