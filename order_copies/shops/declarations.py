"""Find mistakes in what a :class:`~order_copies.shops.FrozenShop` declares about its models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.fields import NOT_PROVIDED
from django.db.models.sql import Query

from order_copies.shops.complaints import Complaint, complaints_about_lookups
from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.graph import AnyField, Model
from order_copies.shops.tables import CopiedTables, concrete_fields, linked_model

_EXAMPLES = {
    "totals": '{"total_amount_cents": "total"}',
    "placed": '{"placed": True}',
    "cancelled": '{"cancelled": True}',
}


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
    for setting, example in _EXAMPLES.items():
        if not isinstance(getattr(shop, setting), Mapping):
            hint = f"Type for example: {setting} = {example}"
            return Complaint(f"{name}.{setting} is no dictionary.", hint, order)
    return None


def complaint_about_cancelling(shop: Any) -> Complaint:
    """Return the complaint about a shop that would cancel an order a second time."""
    name = type(shop).__name__
    message = f"{name} cancels orders, also those that are cancelled already."
    hint = f"Set {name}.cancelled to the fields of a cancelled order, or override refuse_cancel()."
    return Complaint(message, hint, shop.order_model)


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
    email = filter(None, [shop.customer_email])
    yield from complaints_about_lookups(order, f"{name}.customer_email", email)


def complaints_about_tables(declarations: Sequence[CopiedModel]) -> Iterator[Complaint]:
    """Yield a complaint if the foreign keys between the copied models cannot be followed."""
    try:
        CopiedTables(declarations)
    except ImproperlyConfigured as error:
        hint = "Change the foreign keys, or add them to reset."
        yield Complaint(str(error), hint, declarations[0].model)


def can_renew(shop: Any) -> bool:
    """Return whether the items of subscriptions determine the lines of an order.

    They do if the quantity is an integer, and a copy writes quantity and amounts, except those that
    the database computes.
    """
    line = getattr(shop, "line", None)
    declaration = next((it for it in shop.copied_models if line and it.model is line.model), None)
    if line is None or declaration is None:
        return False
    fields = {one.attname: one for one in concrete_fields(line.model)}
    written = {*declaration.copied, *declaration.recomputed}
    amounts = {*filter(None, [line.unit, line.total])}
    computed = {name for name in amounts if name in fields and fields[name].generated}
    is_counted = isinstance(fields.get(line.quantity), models.IntegerField)
    is_priced = bool(amounts & written) and amounts <= written | computed
    return is_counted and line.quantity in written and is_priced


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


def complaints_about_unique(
    declarations: Sequence[CopiedModel], fresh: Model | None
) -> Iterator[Complaint]:
    """Yield a complaint for each column of unique values that would get one of them twice or none.

    ``fresh`` is the model whose first values a hook returns.
    """
    copied_models = [declaration.model for declaration in declarations]
    for declaration in declarations:
        yield from _copied_unique(declaration)
        if declaration.model is fresh:
            continue
        for field in concrete_fields(declaration.model):
            if hint := _why_not_unique(declaration, field, copied_models):
                cure = f'Give a callable: reset={{"{field.attname}": ..., }}'
                cure += ", or override fresh()." if declaration is declarations[0] else "."
                label = f"{declaration.model._meta.label}.{field.attname}"
                yield Complaint(f"{label} {hint}", cure, declaration.model)


def _copied_unique(declaration: CopiedModel) -> Iterator[Complaint]:
    """Yield a complaint for each unique column, or group of columns, that is copied."""
    model, label = declaration.model, declaration.model._meta.label
    for field in concrete_fields(model):
        if field.unique and field.attname in declaration.copied:
            hint = f'Move "{field.attname}" from copied to reset.'
            yield Complaint(f"{label}.{field.attname} is unique, but copied.", hint, model)
    for names in _unique_together(model):
        if names <= {*declaration.copied}:
            together = " and ".join(sorted(names))
            hint = f"Move {together} from copied to reset, or one of them."
            if len(names) == 1:
                hint = f'Move "{together}" from copied to reset.'
            yield Complaint(f"{label} is unique by {together}, but copied.", hint, model)


def _unique_together(model: Model) -> Iterator[set[str]]:
    """Yield the attributes of each constraint that is unique for all rows of a model."""
    for one in (model, *model._meta.all_parents):
        options: Any = one._meta
        constraints = [constraint.fields for constraint in options.total_unique_constraints]
        for names in (*constraints, *options.unique_together):
            yield {options.get_field(name).attname for name in names}


def _why_not_unique(
    declaration: CopiedModel, field: AnyField, copied_models: Sequence[Model]
) -> str:
    """Return what is wrong with the first values of a unique column, or an empty string."""
    if field.primary_key and _lacks_key(declaration, field, copied_models):
        return "is the primary key, but nothing generates it."
    if field.unique and not field.primary_key and _is_constant(declaration, field):
        return "is unique, but every copy would get the same value."
    return ""


def _lacks_key(declaration: CopiedModel, field: AnyField, copied_models: Sequence[Model]) -> bool:
    """Return whether a primary key comes from neither the database, a default nor a link."""
    reset = declaration.reset
    is_given = isinstance(reset, Mapping) and field.attname in reset
    is_generated = field.generated or field.db_default is not NOT_PROVIDED
    is_link = getattr(field.remote_field, "parent_link", False) or linked_model(
        field, copied_models
    )
    return not (
        is_given
        or is_generated
        or is_link
        or field.has_default()
        or field.attname in (*declaration.copied, *declaration.recomputed)
        or isinstance(field, models.AutoField)
    )


def _is_constant(declaration: CopiedModel, field: AnyField) -> bool:
    """Return whether each row gets the same first value, which is not NULL."""
    reset = declaration.reset
    if field.attname not in reset:
        return False
    value = reset[field.attname] if isinstance(reset, Mapping) else field.default
    if value is NOT_PROVIDED:
        value = field.get_default()
    return value is not None and not callable(value)


def _currency(shop: Any) -> Iterator[Complaint]:
    name, order = f"{type(shop).__name__}.currency", shop.order_model
    if not re.fullmatch("[A-Z]{3}", shop.currency):
        yield from complaints_about_lookups(order, name, [shop.currency], fields_only=True)


def complaints_about_owner(shop: Any) -> Iterator[Complaint]:
    """Yield a complaint if the owner of an order would be compared with a user's name."""
    name, order = f"{type(shop).__name__}.owner", shop.order_model
    wrong = [*complaints_about_lookups(order, name, [shop.owner])]
    if not wrong and (fault := _fault_of_owner(order, shop.owner)):
        user = get_user_model()._meta.label
        hint = f"Name a lookup that ends with a foreign key to {user}, or override orders_for()."
        wrong = [Complaint(f'{name} names "{shop.owner}", which leads to {fault}.', hint, order)]
    yield from wrong


def _fault_of_owner(order: Model, lookup: str) -> str:
    """Return what a lookup leads to instead of one user, or an empty string."""
    names, user = lookup.split("__"), get_user_model()
    try:
        path, field, _targets, _rest = Query(order).names_to_path(
            names, order._meta, fail_on_missing=True
        )
    except FieldError:
        return "no user"
    if not path or not field.is_relation:
        return "no user"
    found: Model = path[-1].to_opts.concrete_model
    if not issubclass(found, user) and not issubclass(user, found):
        return "no user"
    return "several users" if any(step.m2m for step in path) else ""


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
        yield from _choices(name, order, fields)


def _choices(name: str, order: Model, state: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield a complaint for each value of a status that is not among the choices of its field."""
    for field in concrete_fields(order):
        values = [value for value, _label in field.flatchoices]
        value = state.get(field.attname)
        if field.attname in state and values and not callable(value) and value not in values:
            message = f"{name} sets {field.attname} to {value!r}, which is not among its choices."
            yield Complaint(message, f"The choices are: {', '.join(map(repr, values))}.", order)


def complaint_about_totals(shop: Any, names: Sequence[str]) -> Complaint:
    """Return the complaint about totals of which none has one of these names."""
    message = f"{type(shop).__name__}.totals has no total that follows from the lines."
    hint = f"Name one of {', '.join(names)}, or override recompute()."
    return Complaint(message, hint, shop.order_model)
