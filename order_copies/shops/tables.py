"""The copied models of a shop as tables: how they refer to one another, and what a copy writes.

Everything here follows from the declarations and from the fields of the models. It is computed
once for each class of a shop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.fields import NOT_PROVIDED

from order_copies.shops.copied_models import CopiedModel

Model = type[models.Model]
AnyField: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key from one copied model to another, or to itself."""

    field: AnyField
    #: The copied model that it leads to.
    model: Model

    @property
    def name(self) -> str:
        """The attribute that holds the key."""
        return self.field.attname


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
    #: The lookup from a row to its order; empty if rows of other tables refer to this one.
    path: str
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
        models_ = [declaration.model for declaration in declarations]
        links = {
            declaration.model: tuple(links_of(declaration, models_)) for declaration in declarations
        }
        paths = _paths(self.order_model, links)
        deferred: dict[Model, frozenset[str]] = {}
        by_model = {declaration.model: declaration for declaration in declarations}
        super().__init__(
            CopiedTable(
                declaration=by_model[model],
                links=links[model],
                values=(*by_model[model].copied, *by_model[model].recomputed),
                initial=tuple(_initial(by_model[model], links[model])),
                path=paths[model],
                deferred=deferred.get(model, frozenset()),
            )
            for model in _sorted(links, deferred)
        )

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

    The link from a model to its parent in multi-table inheritance is no such key.
    """
    remote: Any = field.remote_field
    if remote is None or not isinstance(field, models.ForeignKey) or remote.parent_link:
        return None
    found = (
        model
        for model in copied_models
        if issubclass(cast("Model", model._meta.concrete_model), remote.model._meta.concrete_model)
    )
    return next(found, None)


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


def _sorted(
    links: dict[Model, tuple[Link, ...]], deferred: dict[Model, frozenset[str]]
) -> list[Model]:
    """Sort models so that each comes after those that it refers to; note links against that."""
    done: list[Model] = []
    while len(done) < len(links):
        left = [model for model in links if model not in done]
        later = {model: [it for it in links[model] if it.model not in done] for model in left}
        ready = [model for model in left if not later[model]] or [
            model for model in left if all(link.field.null for link in later[model])
        ]
        if not ready:
            names = ", ".join(sorted(model._meta.label for model in left))
            message = f"{names} refer to one another: make one of the foreign keys nullable."
            raise ImproperlyConfigured(message)
        model = ready[0]
        deferred[model] = frozenset(link.name for link in later[model])
        done.append(model)
    return done


def _paths(order_model: Model, links: dict[Model, tuple[Link, ...]]) -> dict[Model, str]:
    """Return the lookup from each model to its order, by required links where there are any."""
    paths = {order_model: "pk"}
    while True:
        found = {}
        for model, own in links.items():
            ways = [link for link in own if paths.get(link.model)]
            if model not in paths and ways:
                link = min(ways, key=lambda link: bool(link.field.null))
                rest = "" if link.model is order_model else f"__{paths[link.model]}"
                found[model] = f"{link.field.name}{rest}"
        if not found:
            return paths | {model: "" for model in links if model not in paths}
        paths |= found
