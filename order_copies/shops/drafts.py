"""The plan of one target order while a :class:`FrozenShop` makes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from order_copies.models import OrderFactory
from order_copies.plans import Action, Outcome, Problem
from order_copies.shops.agreements import Agreement
from order_copies.shops.contents import Row
from order_copies.shops.graph import Model
from order_copies.shops.lines import Decision


@dataclass(slots=True)
class Draft:
    """A target order before it is written: :meth:`FrozenShop.revise` may change all of it.

    Rows keep the keys of the source order; the writer replaces them. A new row has a key that no
    row of the source has, such as a negative number, or None if no other row refers to it. Rows
    that refer to skipped lines are left out already, as if those lines had been deleted.
    """

    order_copy: OrderFactory
    #: The source order.
    order: Any
    #: ISO 4217 code of the amounts.
    currency: str
    #: One decision for each line of the source, then new lines.
    decisions: list[Decision]
    #: The rows of the other copied models, by model. A row is a tuple: primary key, keys of links,
    #: values, as :class:`~order_copies.shops.tables.CopiedTable` names them.
    rows: dict[Model, Sequence[Row]]
    #: The values of the target order that differ from the source, by attribute.
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    #: Outcomes of other parts of the order than its lines.
    outcomes: list[Outcome] = field(default_factory=list)
    #: What :meth:`FrozenShop.context` returned for the batch.
    context: Any = None
    #: The subscription with its items, if the copy is recurring. ``order_copy.planned_for`` is the
    #: instant of a forecast.
    agreement: Agreement | None = None
    #: The key of the saved payment source that pays the copies of the subscription. Empty: that of
    #: the source order. Only in shops with :attr:`Capability.WALLET`.
    customer_payment_source_key: str = ""

    @property
    def source_lines(self) -> list[Any]:
        """The lines of the source order."""
        return [one.source for one in self.decisions if one.source is not None]

    @property
    def lines(self) -> list[Any]:
        """The lines of the target order."""
        return [one.target for one in self.decisions if one.target is not None]

    @property
    def lines_changed(self) -> bool:
        """Whether a line is not copied as it is."""
        return any(one.action != Action.COPIED for one in self.decisions)


@dataclass(frozen=True, slots=True)
class FrozenTarget:
    """What writing needs of a plan: ``CopyPlan.row``."""

    order: Any
    #: The rows of the source order by model, as they were planned.
    source_rows: dict[Model, Sequence[Row]]
    #: The rows of the target by model, without its lines.
    rows: dict[Model, Sequence[Row]]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """A target order to place."""

    #: The target order.
    order: Any
    #: The source order that it replaces, if the copy cancels it; it is cancelled already.
    replaces: Any
    order_copy: OrderFactory
