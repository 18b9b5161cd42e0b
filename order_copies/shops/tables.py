"""The copied models of a shop as tables: how they refer to one another, and what a copy writes.

Everything here follows from the declarations and from the fields of the models. It is computed
once for each class of a shop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.graph import AnyField, Graph, Link, Model


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """One copied model: its columns by what a copy does with them.

    A row of the table is a tuple of its primary key, the keys of its links, and its values.
    """

    declaration: CopiedModel
    links: tuple[Link, ...]
    #: The copied and recomputed fields, by attribute.
    values: tuple[str, ...]
    #: The fields that start with a new value, without those that the database computes.
    initial: tuple[AnyField, ...]
    #: The lookups from a row to its order: one that always leads there, or several that may.
    paths: tuple[str, ...]
    #: The models whose rows refer to rows of this one, unless a path always leads to the order.
    owners: frozenset[Model]
    #: The links that are set after all tables are written, because they lead to later rows.
    deferred: frozenset[str]

    @property
    def model(self) -> Model:
        """The copied model."""
        return self.declaration.model

    @property
    def columns(self) -> list[str]:
        """The columns of a row after its primary key, by attribute."""
        return [*(link.name for link in self.links), *self.values]


class CopiedTables(list[CopiedTable]):
    """The tables of a shop in the order in which they are written; raises ImproperlyConfigured.

    The first declaration is that of the order.
    """

    def __init__(self, declarations: Sequence[CopiedModel]) -> None:
        self.order_model = declarations[0].model
        by_model = {declaration.model: declaration for declaration in declarations}
        links = {model: tuple(links_of(it, [*by_model])) for model, it in by_model.items()}
        graph = Graph(self.order_model, links)
        super().__init__(
            CopiedTable(
                declaration=by_model[model],
                links=links[model],
                values=(*by_model[model].copied, *by_model[model].recomputed),
                initial=tuple(_initial(by_model[model], links[model])),
                paths=tuple(graph.paths(model)),
                owners=graph.owners(model),
                deferred=deferred,
            )
            for model, deferred in graph.writing_order().items()
        )
        #: The tables but that of the order, each after those whose rows lead to its rows.
        self.in_reading_order = [self.of(model) for model in graph.reading_order()]

    def of(self, model: Model) -> CopiedTable:
        """Return the table of a copied model."""
        return next(table for table in self if table.model is model)

    @property
    def order(self) -> CopiedTable:
        """The table of the order."""
        return self.of(self.order_model)


def links_of(declaration: CopiedModel, copied_models: Sequence[Model]) -> Iterator[Link]:
    """Yield the foreign keys that lead to copied models, unless they are declared otherwise."""
    others = {*declaration.copied, *declaration.reset, *declaration.recomputed}
    for field in concrete_fields(declaration.model):
        target = linked_model(field, copied_models)
        if target is not None and field.attname not in others:
            yield Link(field, target)


def linked_model(field: AnyField, copied_models: Sequence[Model]) -> Model | None:
    """Return the copied model that a foreign key leads to, or None.

    The link from a model to its parent in multi-table inheritance is no such key, nor is one from
    an order to another order: that one is not copied.
    """
    remote: Any = field.remote_field
    if remote is None or not isinstance(field, models.ForeignKey) or remote.parent_link:
        return None
    order_model = copied_models[0]
    found = (
        model
        for model in copied_models
        if issubclass(_concrete(model), _concrete(remote.model))
        and not (model is order_model and issubclass(_concrete(model), field.model))
    )
    return next(found, None)


def _concrete(model: Model) -> Model:
    return cast("Model", model._meta.concrete_model)


def concrete_fields(model: Model) -> list[AnyField]:
    """Return the fields of the model that have a column, those of its parents included."""
    return list(model._meta.concrete_fields)


def is_automatic(field: AnyField) -> bool:
    """Return whether a field needs no declaration: its new value follows from the field itself."""
    return (
        field.primary_key
        or field.generated
        or field.db_default is not NOT_PROVIDED
        or _is_parent_key(field)
        or is_time_of_writing(field)
    )


def is_time_of_writing(field: AnyField) -> bool:
    """Return whether Django sets the field to the time when a row is created."""
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def _is_parent_key(field: AnyField) -> bool:
    return field.model._meta.pk is field or bool(getattr(field.remote_field, "parent_link", False))


def _initial(declaration: CopiedModel, links: Sequence[Link]) -> Iterator[AnyField]:
    """Yield the fields that a copy writes with a new value."""
    others = {*declaration.copied, *declaration.recomputed, *(link.name for link in links)}
    for field in concrete_fields(declaration.model):
        if field.attname in others or field.generated:
            continue
        if field.primary_key or _is_parent_key(field):
            # Sequences and parents give keys; a default is written, and so is a first value.
            if field.has_default() or _has_first_value(declaration, field):
                yield field
        elif field.db_default is NOT_PROVIDED or _has_first_value(declaration, field):
            yield field


def _has_first_value(declaration: CopiedModel, field: AnyField) -> bool:
    return isinstance(declaration.reset, Mapping) and field.attname in declaration.reset
