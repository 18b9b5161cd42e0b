"""Find mistakes in what a :class:`~order_copies.shops.FrozenShop` declares about its models."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from order_copies.shops.complaints import Complaint, complaints_about_lookups
from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.tables import CopiedTables, concrete_fields


def complaint_about_missing(shop: Any) -> Complaint | None:
    """Return the complaint about a declaration without which nothing else can be checked."""
    name, order = type(shop).__name__, shop.order_model
    models = [declaration.model for declaration in shop.copied_models]
    if not models or models[0] is not order:
        hint = f"Begin {name}.copied_models with CopiedModel({order.__name__}, ...)."
        return Complaint(f"{name} does not declare the order model first.", hint, order)
    if getattr(shop, "line", None) is None or shop.line.model not in models:
        hint = f'Set {name}.line = LineFields(YourLine, name="...", quantity="...", ...).'
        return Complaint(f"{name} does not declare the lines of an order.", hint, order)
    if not shop.currency:
        hint = f'Set {name}.currency = "EUR", or the field of the order that holds it.'
        return Complaint(f"{name} does not declare the currency.", hint, order)
    return None


def complaints_about_settings(
    shop: Any, declarations: Sequence[CopiedModel]
) -> Iterator[Complaint]:
    """Yield the mistakes in the attributes of a shop other than ``copied_models``."""
    yield from _line(shop, declarations)
    yield from _currency(shop)
    yield from _states(shop)
    name, order = type(shop).__name__, shop.order_model
    totals = shop.totals.values()
    yield from complaints_about_lookups(order, f"{name}.totals", totals, fields_only=True)
    owner = [shop.owner] if shop.owner else []
    yield from complaints_about_lookups(order, f"{name}.owner", owner)
    try:
        CopiedTables(declarations)
    except ImproperlyConfigured as error:
        hint = "Change the foreign keys, or add them to reset."
        yield Complaint(str(error), hint, order)


def _line(shop: Any, declarations: Sequence[CopiedModel]) -> Iterator[Complaint]:
    name, line = f"{type(shop).__name__}.line", shop.line
    amounts = [*filter(None, (line.quantity, line.unit, line.total))]
    others = [one for one in line.lookups if one not in amounts]
    yield from complaints_about_lookups(line.model, name, amounts, fields_only=True)
    yield from complaints_about_lookups(line.model, name, others)
    if not line.unit and not line.total:
        hint = 'Add unit="..." or total="..." to LineFields.'
        yield Complaint(f"{name} does not name the amount of a line.", hint, line.model)
    computed = {one.attname for one in concrete_fields(line.model) if one.generated}
    copied = {
        one
        for declaration in declarations
        if declaration.model is line.model
        for one in (*declaration.copied, *declaration.recomputed)
    }
    fields = {one.attname for one in concrete_fields(line.model)}
    for field in (line.quantity, line.total):
        if field in fields - computed - copied:
            hint = f'Add "{field}" to copied of CopiedModel({line.model.__name__}, ...).'
            yield Complaint(f'{name} names "{field}", which is not copied.', hint, line.model)


def _currency(shop: Any) -> Iterator[Complaint]:
    name, order = f"{type(shop).__name__}.currency", shop.order_model
    if not re.fullmatch("[A-Z]{3}", shop.currency):
        yield from complaints_about_lookups(order, name, [shop.currency], fields_only=True)


def _states(shop: Any) -> Iterator[Complaint]:
    """Yield complaints about the fields of a status: those must not travel to a target."""
    order, copied = shop.order_model, shop.copied_models[0].copied
    for setting in ("placed", "cancelled"):
        name, fields = f"{type(shop).__name__}.{setting}", getattr(shop, setting)
        yield from complaints_about_lookups(order, name, fields, fields_only=True)
        for field in fields:
            if field in copied:
                message = f'{name} names "{field}", which is copied: a copy would be {setting}.'
                yield Complaint(message, f'Move "{field}" from copied to reset.', order)
