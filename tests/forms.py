"""Forms of the admin, as a browser sends them."""

from typing import Any

from django.forms import MultiWidget
from django.test import Client

#: Values that a browser does not send, or need not.
EMPTY = {"None", "", "False"}


def form_of(admin_client: Client, url: str) -> dict[str, Any]:
    """Return the data of all forms of a page, unchanged, as a browser would send it."""
    context = admin_client.get(url).context
    forms = [context["adminform"].form]
    for formset in context["inline_admin_formsets"]:
        forms += [formset.formset.management_form, *formset.formset.initial_forms]
    sent = {name: value for form in forms for field in form for name, value in _sent(field)}
    return {name: value for name, value in sent.items() if str(value) not in EMPTY}


def copy_form(client: Client, url: str, **options: str) -> tuple[str, dict[str, Any]]:
    """Open a copy page and preview it with ``options``; return its address and its form."""
    page = client.get(url, follow=True)
    address = page.redirect_chain[-1][0] if page.redirect_chain else url
    page = client.post(address, options | ticks_of(page), follow=True)
    return address, options | ticks_of(page)


def ticks_of(page: Any) -> dict[str, Any]:
    """Return the fields of the form of a copy page that are not options."""
    if not page.context or "rows" not in page.context:
        return {}
    shown = [row.selected for row in page.context["rows"]]
    return {
        "version": page.context["draft"].version,
        "shown": [selected.pk for selected in shown],
        "ticked": [selected.pk for selected in shown if selected.is_ticked],
    }


def terms_of(client: Client, url: str, **data: Any) -> str:
    """Preview a subscription with ``data``; return the hidden field that its submit repeats."""
    context = client.post(url, data, follow=True).context
    return str(context["terms"]) if context and "terms" in context else ""


def _sent(field: Any) -> list[tuple[str, Any]]:
    names = [field.html_name]
    if field.field.show_hidden_initial:
        names.append(field.html_initial_name)
    widget, value = field.field.widget, field.value()
    if not isinstance(widget, MultiWidget):
        return [(name, value) for name in names]
    parts = list(zip(widget.widgets_names, widget.decompress(value), strict=True))
    return [(name + suffix, str(part or "")) for name in names for suffix, part in parts]
