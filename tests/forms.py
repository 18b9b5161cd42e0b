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


def previewed(client: Client, url: str, **data: Any) -> dict[str, str]:
    """Preview a copy page with ``data``; return the hidden fields that its submit repeats."""
    context = client.post(url, data, follow=True).context
    shown = context and context.get("previewed")
    return {"previewed_options": shown.options, "previewed_digest": shown.digest} if shown else {}


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
