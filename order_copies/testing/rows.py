"""Rows of orders, read without the shop's code: what belongs to an order, and what a copy has."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, models, router
from django.db.models import ForeignKey

from order_copies.shops import CopiedModel, Shop
from order_copies.shops.graph import Link
from order_copies.shops.tables import links_of

Row = dict[str, Any]
#: Rows by model and primary key.
Rows = dict[type[models.Model], dict[Any, Row]]

#: The apps whose rows the worker writes, not the shop.
_OWN_APPS = {"order_copies", "order_copies_events"}


def database() -> Rows:
    """Return every row of every table."""
    return {
        model: _rows(model._base_manager.all())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and not model._meta.proxy
        and router.allow_migrate_model(DEFAULT_DB_ALIAS, model)
    }


def belongings(order_model: type[models.Model], key: Any) -> Rows:
    """Return the row of an order and every row that refers to it, directly or through others.

    Other orders do not count, nor do rows of ``order_copies``.
    """
    found: Rows = {order_model: _rows(order_model._base_manager.filter(pk=key))}
    frontier: list[tuple[type[models.Model], Collection[Any]]] = [(order_model, [key])]
    while frontier:
        model, keys = frontier.pop()
        for reference in _references_to(model, order_model):
            referring = reference.model._base_manager.filter(**{f"{reference.name}__pk__in": keys})
            known = found.setdefault(reference.model, {})
            new = {pk: row for pk, row in _rows(referring).items() if pk not in known}
            known |= new
            if new:
                frontier.append((reference.model, new.keys()))
    return found


def _references_to(
    model: type[models.Model], order_model: type[models.Model]
) -> Iterator["ForeignKey[Any, Any]"]:
    for relation in model._meta.get_fields(include_hidden=True):
        reference = getattr(relation, "field", None) if relation.auto_created else None
        if (
            isinstance(reference, ForeignKey)
            and reference.model._meta.app_label not in _OWN_APPS
            and not issubclass(reference.model, order_model)
        ):
            yield reference


def contents(shop: Shop, key: Any) -> dict[type[models.Model], list[Row]]:
    """Return the rows of an order in each of ``shop.copied_models``, in order.

    A row belongs to the order if foreign keys between copied models lead to it, other than those
    that are declared as copied, reset or recomputed.
    """
    found: Rows = {copied.model: {} for copied in shop.copied_models}
    found[shop.order_model] = _rows(shop.order_model._base_manager.filter(pk=key))
    while sum(_add_linked(shop, model, link, found) for model, link in _links(shop)):
        pass
    return {model: _in_order(model, rows) for model, rows in found.items()}


def _links(shop: Shop) -> list[tuple[type[models.Model], Link]]:
    """Return the foreign keys between copied models that a copy remaps, each with its model."""
    declared = [copied.model for copied in shop.copied_models]
    return [
        (copied.model, link)
        for copied in shop.copied_models
        for link in links_of(copied, declared)
        if not (copied.model is link.model is shop.order_model)
    ]


def _add_linked(shop: Shop, model: type[models.Model], link: Link, found: Rows) -> int:
    """Add the rows at either end of a link whose other end was found; return their number."""
    children, parents = found[model], found[link.model]
    before = len(children) + len(parents)
    owned = {row[link.name] for row in children.values()} - {None}
    parents |= _rows(link.model._base_manager.filter(_only(shop, link.model), pk__in=owned))
    lookup = {f"{link.field.name}__pk__in": list(parents)}
    children |= _rows(model._base_manager.filter(_only(shop, model), **lookup))
    return len(children) + len(parents) - before


def _only(shop: Shop, model: type[models.Model]) -> models.Q:
    """Return the condition for rows of a model that are copied."""
    if model is shop.order_model:
        return models.Q()
    return next(it.only for it in shop.copied_models if it.model is model) or models.Q()


def _in_order(model: type[models.Model], rows: Mapping[Any, Row]) -> list[Row]:
    ordered = model._base_manager.filter(pk__in=list(rows)).order_by(
        *(model._meta.ordering or ()), "pk"
    )
    return [rows[key] for key in ordered.values_list("pk", flat=True)]


def copied_fields(copied: CopiedModel, rows: Collection[Row], *, of_source: bool) -> list[Row]:
    """Return the fields of rows that a copy must have too; of a source, as they are copied."""
    if not of_source:
        return [{name: row[name] for name in copied.copied} for row in rows]
    return [{name: copied.copied_value(name, row[name]) for name in copied.copied} for row in rows]


def differences(before: Rows, after: Rows) -> list[str]:
    """Return the start of a sentence for each row that is new, was deleted, or was changed."""
    found = []
    for model in {**before, **after}:
        old, new = before.get(model, {}), after.get(model, {})
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                name = f"{model._meta.label} {key}"
                found.append(f"{name}{difference_of(old.get(key), new.get(key))}")
    return found


def difference_of(before: Row | None, after: Row | None) -> str:
    """Return the rest of a sentence about the first difference of two rows; "" if none."""
    if before is None or after is None:
        return " is new" if before is None else " was deleted"
    changed = (
        f".{name} was {before[name]!r} and is {after[name]!r}"
        for name in before
        if before[name] != after[name]
    )
    return next(changed, "")


def late_difference(first: Row, second: Row, late: Row) -> str:
    """Return how a row differs from two others in a field in which they are equal; "" if not.

    A field in which the first two differ, such as a key, a number or a time, always differs.
    """
    stable = [name for name in first if first[name] == second[name]]
    return difference_of(
        {name: first[name] for name in stable}, {name: late.get(name) for name in stable}
    )


def _rows(queryset: "models.QuerySet[Any]") -> dict[Any, Row]:
    names = [field.attname for field in queryset.model._meta.concrete_fields]
    return {row["pk"]: {name: row[name] for name in names} for row in queryset.values("pk", *names)}
