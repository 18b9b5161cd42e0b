"""Decide on the lines of an order: copy, reduce or skip each, by what is available."""

from collections import Counter, namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import itemgetter
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from order_copies.plans import Action, CopyPlan, Outcome, Problem, Step
from order_copies.shops.amounts import column_value, exact, minor_units, rounded
from order_copies.shops.contents import Row
from order_copies.shops.descriptions import DescribedLine
from order_copies.shops.graph import AnyField, Model
from order_copies.shops.tables import CopiedTables

#: The number of available pieces of a product, None for any number, or why it cannot be sold: a
#: string, lazily translated or not.
Available = int | str | Promise | None


@dataclass(frozen=True)
class LineFields:
    """The model of the order lines, and what its fields mean.

    A field is the name of an attribute, or a lookup such as ``"product__title"``. Integers are
    amounts in cents, decimals are amounts in units of the currency.
    """

    model: Model
    #: The name of the line, for people.
    name: str
    #: The number of pieces. It must be a copied field.
    quantity: str
    #: The amount of one piece. Empty: ``total`` is the only amount.
    unit: str = ""
    #: The amount of the line. Empty: quantity times unit.
    total: str = ""
    #: What :meth:`FrozenShop.available` gets for the line. Empty: the name.
    product: str = ""
    #: Whether a line whose product is None had one that does not exist any more. Otherwise it is a
    #: line without a product, such as shipping, and copied.
    needs_product: bool = False
    #: The code of the product, for people and programs.
    sku_code: str = ""
    #: More lookups that hooks read from a line. They are not copied.
    extra: tuple[str, ...] = ()

    @property
    def lookups(self) -> list[str]:
        """All the fields that are named."""
        named = [self.name, self.quantity, self.unit, self.total, self.product, self.sku_code]
        return list(dict.fromkeys([*filter(None, named), *self.extra]))


@dataclass(frozen=True, slots=True)
class Decision:
    """The target line of one source line, and why it differs.

    ``source`` is None for a new line, ``target`` is None for a skipped one.
    """

    source: Any
    target: Any
    action: Action = Action.COPIED
    code: str = ""
    message: str = ""


class LineReader:
    """Reads the values of a shop's lines by what they mean."""

    def __init__(self, fields: LineFields, tables: CopiedTables) -> None:
        self.fields, self.table = fields, tables.of(fields.model)
        columns = self.table.columns
        self.extra = [name for name in fields.lookups if name not in columns]
        #: The links from a line to the line that it goes with, such as a bundle.
        self.parents = [
            link.name for link in self.table.links if link.model is fields.model and link.cascades
        ]
        #: Turns a row into a line, whose fields have names.
        self.line: Callable[[Row], Any] = row_type(["pk", *columns, *self.extra])._make

    def product(self, line: Any) -> Any:
        """Return the key of the product, for :meth:`FrozenShop.available`."""
        return getattr(line, self.fields.product or self.fields.name)

    def quantity(self, line: Any) -> Any:
        """Return the number of pieces."""
        return getattr(line, self.fields.quantity) or 0

    def has_pieces(self, lines: Sequence[Any]) -> bool:
        """Return whether there is anything to sell on these lines."""
        return any(self.quantity(line) > 0 for line in lines)

    def amount(self, line: Any, currency: str) -> Fraction:
        """Return the exact amount of the line in minor units."""
        if self.fields.total:
            return self._amount(line, self.fields.total, currency)
        return self._amount(line, self.fields.unit, currency) * exact(self.quantity(line))

    def price(self, line: Any, currency: str) -> Fraction:
        """Return the exact amount of one piece in minor units, discounts of the line included."""
        return self.amount(line, currency) / exact(self.quantity(line))

    def reduced(self, line: Any, quantity: Any, currency: str) -> dict[str, Any]:
        """Return the fields of a line with another quantity, at the same price for each piece."""
        changes = {self.fields.quantity: quantity}
        if self.fields.total:
            factor = exact(quantity) / exact(self.quantity(line))
            total = self._amount(line, self.fields.total, currency) * factor
            field = self._fields[self.fields.total]
            changes[self.fields.total] = column_value(field, total, currency)
        return changes

    def repriced(self, line: Any, price: int, currency: str) -> dict[str, Any]:
        """Return the fields of a line with another price for each piece, in minor units."""
        fields, changes = self.fields, {}
        if fields.unit:
            # A unit that differs from the price, by tax or discount, keeps its proportion to it.
            before, unit = self.price(line, currency), self._amount(line, fields.unit, currency)
            unit = unit * price / before if before else Fraction(price)
            changes[fields.unit] = column_value(self._fields[fields.unit], unit, currency)
        if fields.total:
            total = price * exact(self.quantity(line))
            changes[fields.total] = column_value(self._fields[fields.total], total, currency)
        return changes

    def shown(self, line: Any, currency: str) -> dict[str, Any]:
        """Return the values of a line for an outcome, amounts in cents."""
        values: dict[str, Any] = {"quantity": self.quantity(line)}
        if self.fields.sku_code:
            values = {"sku_code": getattr(line, self.fields.sku_code)} | values
        if self.fields.unit:
            values["unit_amount_cents"] = rounded(self._amount(line, self.fields.unit, currency))
        return values | {"total_amount_cents": rounded(self.amount(line, currency))}

    def described(self, line: Any, currency: str, line_id: Any) -> DescribedLine:
        """Return a line for people. ``line_id`` returns the public id for a key."""
        shown = self.shown(line, currency)
        shown["sku_code"] = str(shown.get("sku_code") or "")
        return DescribedLine(line_id(line.pk), str(getattr(line, self.fields.name)), **shown)

    def outcome(self, decision: Decision, currency: str, line_id: Any) -> Outcome:
        """Return the outcome of a decision. ``line_id`` returns the public id for a key."""
        source, target = decision.source, decision.target
        before = None if source is None else self.shown(source, currency)
        after = before if target is source else None
        if target is not None and target is not source:
            after = self.shown(target, currency)
        return Outcome(
            decision.action,
            source_line_item=None if source is None else line_id(source.pk),
            name=str(getattr(target if source is None else source, self.fields.name)),
            code=decision.code,
            message=decision.message,
            before=before,
            after=after,
            row=target,
        )

    def _amount(self, line: Any, name: str, currency: str) -> Fraction:
        return minor_units(self._fields[name], getattr(line, name), currency)

    @cached_property
    def _fields(self) -> dict[str, AnyField]:
        return {one.attname: one for one in self.table.model._meta.concrete_fields}


def too_little(name: str, left: Any, quantity: Any) -> str:
    """Return the message for a line that needs ``quantity`` pieces when only ``left`` are left."""
    if left <= 0:
        return _("%(name)s is out of stock") % {"name": name}
    numbers = {"left": left, "quantity": quantity, "name": name}
    return _("only %(left)s of %(quantity)s %(name)s left") % numbers


def row_type(names: Sequence[str]) -> Any:
    """Return a ``namedtuple`` whose names may begin with an underscore, as those of columns may."""
    make: Any = namedtuple
    base = make("Line", names, rename=True)
    refused = {
        name: property(itemgetter(index))
        for index, name in enumerate(names)
        if name not in base._fields
    }

    def replace(line: Any, **changes: Any) -> Any:
        return line._make(changes.get(*pair) for pair in zip(names, line, strict=True))

    own = {**refused, "_replace": replace} if refused else {}
    return type("Line", (base,), {"__slots__": (), **own})


@dataclass(slots=True)
class Stock:
    """What is available, less what earlier copies of the batch take. None if all is available."""

    available: Mapping[Any, Available] | None = None
    #: The keys of the source orders that earlier copies cancel.
    cancelled: set[Any] = field(default_factory=set)
    #: The pieces that earlier copies take, by product; negative if a swap releases more.
    taken: Counter[Any] = field(default_factory=Counter)

    def take(
        self, plan: CopyPlan, order: Any, taken: Mapping[Any, Any], released: Mapping[Any, Any]
    ) -> None:
        """Note what a plan takes and cancels.

        A target that is placed takes pieces, and has those that its source releases. A source that
        is only cancelled releases its pieces when the batch has been placed.
        """
        if plan.will_place:
            self.taken.update(taken)
            self.taken.subtract(released)
        if plan.will_cancel:
            self.cancelled.add(order)


@dataclass(slots=True)
class LineDecisions:
    """Decides on the lines of one order, one after the other, by what is available.

    ``released`` are the pieces that the source releases to its target in a swap, by product.
    """

    shop: Any
    reader: LineReader
    stock: Stock
    currency: str
    released: Mapping[Any, Any]
    taken: Counter[Any] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    #: Whether the decisions depend on what an earlier copy of the batch takes or releases.
    is_contended: bool = False

    def decide(self, wanted: Sequence[Decision]) -> list[Decision]:
        """Return a decision for each wanted one, and note problems.

        A wanted decision has a source, and would be made if everything were available.
        """
        made: dict[Any, Decision] = {}
        for one in self._parents_first(wanted):
            made[one.source.pk] = self._decide_with_parents(one, made)
        decisions = [made[one.source.pk] for one in wanted]
        lines = [one.target for one in wanted if one.target is not None]
        left = [one.target for one in decisions if one.target is not None]
        if self.reader.has_pieces(lines) and not self.reader.has_pieces(left):
            message = _("nothing of this order is available any more")
            problem = Problem(
                Step.WRITE, "line_items", "no_sellable_line", message, skippable=False
            )
            self.problems.append(problem)
        return decisions

    def _parents_first(self, wanted: Sequence[Decision]) -> Iterator[Decision]:
        """Yield the decisions, each after those of the lines that its line goes with."""
        left = list(wanted)
        while left:
            keys = {one.source.pk for one in left}
            later = [
                one
                for one in left
                if any(getattr(one.source, name) in keys for name in self.reader.parents)
            ]
            # Lines that go with one another have no first one.
            later = later if len(later) < len(left) else []
            waiting = {one.source.pk for one in later}
            yield from (one for one in left if one.source.pk not in waiting)
            left = later

    def _decide_with_parents(self, wanted: Decision, made: Mapping[Any, Decision]) -> Decision:
        """Return a decision for a line, which goes if one of its parents goes."""
        if wanted.target is None:
            return wanted
        for name in self.reader.parents:
            parent = made.get(getattr(wanted.source, name))
            if parent is not None and parent.target is None:
                return self._skip(wanted.source, parent.code, parent.message)
        return self._decide(wanted)

    def _decide(self, wanted: Decision) -> Decision:
        source, line = wanted.source, wanted.target
        product, name = self.reader.product(line), getattr(line, self.reader.fields.name)
        is_free = product is None and not self.reader.fields.needs_product
        if self.stock.available is None or is_free:
            return wanted
        if product not in self.stock.available:
            message = _("%(name)s does not exist any more") % {"name": name}
            return self._skip(source, "product_gone", message)
        available = self.stock.available[product]
        if isinstance(available, str | Promise):
            return self._skip(source, "not_available", str(available))
        if available is None:
            return wanted
        left, quantity = self._take(product, available, line), self.reader.quantity(line)
        if left >= quantity:
            return wanted
        return self._reduce(wanted, left, too_little(name, left, quantity))

    def _take(self, product: Any, available: int, line: Any) -> Any:
        """Take pieces, and return how many of the wanted ones are available."""
        wanted, earlier = self.reader.quantity(line), self.stock.taken[product]
        pieces = available + self.released.get(product, 0) - self.taken[product]
        left = min(wanted, max(0, pieces - earlier))
        self.taken[product] += left
        self.is_contended |= left != min(wanted, max(0, pieces))
        return left

    def _reduce(self, wanted: Decision, left: Any, message: str) -> Decision:
        source, line = wanted.source, wanted.target
        if not left:
            self.problems.append(_shortage("out_of_stock", message))
            return Decision(source, None, Action.SKIPPED, "out_of_stock", message)
        self.problems.append(_shortage("stock_too_low", message))
        reduced = with_quantity(self.shop, self.reader, line, left, self.currency)
        return Decision(source, reduced, Action.REDUCED, "stock_too_low", message)

    def _skip(self, source: Any, code: str, message: str) -> Decision:
        self.problems.append(Problem(Step.WRITE, "line_items", code, message))
        return Decision(source, None, Action.SKIPPED, code, message)


def with_quantity(shop: Any, reader: LineReader, line: Any, quantity: Any, currency: str) -> Any:
    """Return a line with another quantity, as the shop's hook or else the declarations say."""
    changes = shop.reduce(line, quantity)
    if changes is None:
        changes = reader.reduced(line, quantity, currency)
    return line._replace(**changes)


def _shortage(code: str, message: str) -> Problem:
    # Goods may arrive.
    return Problem(Step.WRITE, "line_items", code, message, may_pass=True)
