"""Find mistakes in the declarations of a shop: each with what to type."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import FieldError
from django.db import models

from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.graph import AnyField, Model
from order_copies.shops.tables import concrete_fields, is_automatic, linked_model


class Complaint(NamedTuple):
    """One mistake in the declarations of a shop."""

    message: str
    hint: str
    #: The model that the mistake is about, or None.
    model: Model | None = None


def complaints_about_lookups(
    model: Model, setting: str, names: Iterable[str], *, fields_only: bool = False
) -> Iterator[Complaint]:
    """Yield a complaint for each name that is no lookup, or no field, of the model."""
    fields = [field.attname for field in concrete_fields(model)]
    for name in names:
        if name not in fields and (fields_only or not _is_lookup(model, name)):
            message = f'{setting} names "{name}", which {model._meta.label} does not have.'
            yield Complaint(message, _right_name(model, name), model)


def _right_name(model: Model, name: str) -> str:
    """Return the hint for a name that is no attribute of a field."""
    fields = {field.name: field.attname for field in concrete_fields(model)}
    if name in fields:
        return f'Write "{fields[name]}".'
    return f"The fields are: {', '.join(fields.values())}."


def _is_lookup(model: Any, name: str) -> bool:
    try:
        model._base_manager.values_list(name)
    except FieldError:
        return False
    return True


def complaints_about_fields(
    declarations: Sequence[CopiedModel], fresh: Model | None = None
) -> Iterator[Complaint]:
    """Yield a complaint for each field that is not declared, or not as it should be.

    ``fresh`` is the model whose first values a hook returns.
    """
    copied_models = [declaration.model for declaration in declarations]
    for declaration in declarations:
        yield from _names(declaration, copied_models)
        yield from _computed(declaration)
        yield from _links(declaration, copied_models)
        if declaration.model is not fresh:
            yield from _first_values(declaration)
        if declaration.model is not copied_models[0]:
            yield from _hidden(declaration)


def _hidden(declaration: CopiedModel) -> Iterator[Complaint]:
    """Yield a complaint if a shop hides rows of a model, and does not say whether to copy them."""
    if declaration.only is None and _hides_rows(declaration.model):
        name = declaration.model.__name__
        message = f"The default manager of {declaration.model._meta.label} hides rows, which"
        hint = f"Add only=Q(...) to CopiedModel({name}, ...): the rows that are copied. Q() is all."
        yield Complaint(f"{message} copies would contain.", hint, declaration.model)


def _hides_rows(model: Model) -> bool:
    # The manager is the shop's code, and may need a request or a tenant.
    with suppress(Exception):
        return bool(model._default_manager.all().query.where)
    return True


def _names(declaration: CopiedModel, copied_models: Sequence[Model]) -> Iterator[Complaint]:
    model, label = declaration.model, declaration.model._meta.label
    fields = {field.attname: field for field in concrete_fields(model)}
    declared = declaration.declared
    for name in sorted(set(fields) - set(declared)):
        if not is_automatic(fields[name]) and not linked_model(fields[name], copied_models):
            hint = f'Add "{name}" to copied or to reset of CopiedModel({model.__name__}, ...).'
            yield Complaint(f"{label}.{name} is not declared.", hint, model)
    for name in sorted(set(declared) - set(fields)):
        message = f"{label}.{name} is declared, but {label} has no such field."
        yield Complaint(message, _right_name(model, name), model)
    for name in sorted({name for name in declared if declared.count(name) > 1}):
        hint = f'Keep "{name}" in one of copied, reset, recomputed and remapped.'
        yield Complaint(f"{label}.{name} is declared more than once.", hint, model)
    for name in sorted(set(declaration.left_behind_keys) - set(declaration.copied)):
        message = f"{label}.{name} has keys that stay behind, but is not declared as copied."
        yield Complaint(message, f'Add "{name}" to copied, or remove its keys.', model)


def _computed(declaration: CopiedModel) -> Iterator[Complaint]:
    model = declaration.model
    for field in concrete_fields(model):
        if field.generated and field.attname in (*declaration.copied, *declaration.recomputed):
            message = f"{model._meta.label}.{field.attname} is computed by the database."
            yield Complaint(message, f'Remove "{field.attname}" from the declaration.', model)


def _links(declaration: CopiedModel, copied_models: Sequence[Model]) -> Iterator[Complaint]:
    model = declaration.model
    for field in concrete_fields(model):
        target = linked_model(field, copied_models)
        if target is None:
            continue
        name = f"{model._meta.label}.{field.attname}"
        if field.attname in declaration.copied:
            message = f"{name} is declared as copied, but leads to {target._meta.label}: the target"
            hint = f'Remove "{field.attname}" from copied: it will lead to the copy of that row.'
            yield Complaint(f"{message} would refer to rows of its source.", hint, model)
        elif field.attname not in declaration.reset and not _leads_to_key(field):
            message = f"{name} refers to another column than the primary key."
            hint = f'Add "{field.attname}" to reset, and set it in after_write().'
            yield Complaint(message, hint, model)


def _leads_to_key(field: AnyField) -> bool:
    assert isinstance(field, models.ForeignKey)
    return field.target_field.primary_key


def _first_values(declaration: CopiedModel) -> Iterator[Complaint]:
    """Yield a complaint for each reset field whose default the database would refuse."""
    if isinstance(declaration.reset, Mapping):
        return
    for field in concrete_fields(declaration.model):
        if (
            field.attname in declaration.reset
            and not is_automatic(field)
            and not field.null
            and field.get_default() is None
        ):
            name = f"{declaration.model._meta.label}.{field.attname}"
            hint = f'Give its first value: reset={{"{field.attname}": ..., }}.'
            yield Complaint(f"{name} is reset, but has no default.", hint, declaration.model)


def complaints_about_models(
    declarations: Sequence[CopiedModel], left_behind: Collection[Model]
) -> Iterator[Complaint]:
    """Yield a complaint for each model that refers to a copied model and is not mentioned."""
    yield from _twice(declarations)
    known = {declaration.model for declaration in declarations} | set(left_behind)
    named = set()
    for declaration in declarations:
        for model in _referring_models(declaration.model):
            if model in known or model in named or model._meta.app_label == "order_copies":
                continue
            named.add(model)
            label, target = model._meta.label, declaration.model._meta.label
            name = _name_in_code(model)
            hint = (
                f"Add CopiedModel({name}, ...) to copied_models, or {name} "
                "to left_behind if its rows belong to the source only."
            )
            yield Complaint(f"{label} refers to {target}, but is not declared.", hint, model)


def _name_in_code(model: Model) -> str:
    """Return the expression for a model: no module holds the table between two models."""
    owner: Any = model._meta.auto_created
    if not owner:
        return model.__name__
    fields: Any = owner._meta.many_to_many
    field = next(one.name for one in fields if one.remote_field.through is model)
    return f"{owner.__name__}.{field}.through"


def _twice(declarations: Sequence[CopiedModel]) -> Iterator[Complaint]:
    """Yield a complaint for each model whose rows would be copied more than once."""
    for index, declaration in enumerate(declarations):
        model = declaration.model
        for other in declarations[index + 1 :]:
            if issubclass(model, other.model) or issubclass(other.model, model):
                message = f"{model._meta.label} and {other.model._meta.label} have the same rows."
                hint = "Keep one of them in copied_models, and add the other to left_behind."
                yield Complaint(message, hint, other.model)


def _referring_models(model: Model) -> Iterator[Model]:
    """Yield the models with a foreign key to a model, tables between two models included."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel):
            yield relation.related_model
