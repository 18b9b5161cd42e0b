"""What follows from lines that a copy reduces or leaves out: prices, discounts and totals."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _
from oscar.core.loading import get_model

from order_copies.plans import Action, Outcome
from order_copies.shops import Draft
from order_copies.shops.tables import CopiedTables

LinePrice = get_model("order", "LinePrice")
OrderDiscount = get_model("order", "OrderDiscount")
OrderLineDiscount = get_model("order", "OrderLineDiscount")

#: The amounts of a line that belong to all of its pieces.
LINE_AMOUNTS = (
    "line_price_incl_tax",
    "line_price_excl_tax",
    "line_price_before_discounts_incl_tax",
    "line_price_before_discounts_excl_tax",
)


def reduced_line(line: Any, quantity: int) -> dict[str, Any]:
    """Return the fields of a line with fewer pieces: its amounts shrink in proportion."""
    factor = Fraction(quantity, line.quantity)
    amounts = {name: scaled(getattr(line, name), factor) for name in LINE_AMOUNTS}
    return {"quantity": quantity, **amounts}


def scaled(amount: Decimal, factor: Fraction) -> Decimal:
    """Return an amount times a factor, rounded to cents."""
    exact = Fraction(amount) * factor
    value = Decimal(exact.numerator) / Decimal(exact.denominator)
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def shrink(rows: "Rows", line_discounts: Sequence[Any]) -> None:
    """Adapt prices and discounts to lines that are reduced or left out.

    ``line_discounts`` are the discounts of all lines of the source.
    """
    kept = [one for one in rows.draft.decisions if one.target is not None]
    reprice(rows, [one.target for one in kept if one.action == Action.REDUCED])
    _scale_discounts(
        rows,
        line_discounts,
        {one.target.pk: Fraction(one.target.quantity, one.source.quantity or 1) for one in kept},
    )


def update_totals(draft: Draft) -> None:
    """Change the totals of the order by the differences of its lines and of its shipping."""
    for tax in ("incl", "excl"):
        line, shipping = f"line_price_{tax}_tax", f"shipping_{tax}_tax"
        before = sum(getattr(it, line) for it in draft.source_lines)
        after = sum(getattr(it, line) for it in draft.lines)
        charge = getattr(draft.order, shipping)
        change = after - before + draft.values.get(shipping, charge) - charge
        total = f"total_{tax}_tax"
        if change:
            draft.values[total] = getattr(draft.order, total) + change


class Rows:
    """The rows of a draft by model, with names: ``row.pk`` and the columns by attribute."""

    def __init__(self, draft: Draft, tables: CopiedTables) -> None:
        self.draft, self.tables = draft, tables

    def of(self, model: Any) -> list[Any]:
        """Return the rows of a model."""
        make = self.named(model)._make
        return [make(row) for row in self.draft.rows.get(model, ())]

    def named(self, model: Any) -> Any:
        """Return the type of the rows of a model."""
        return namedtuple("Row", ["pk", *self.tables.of(model).columns])

    def new(self, model: Any, key: int, **values: Any) -> Any:
        """Return a new row; other rows can lead to it by its provisional key."""
        instance = model(**values)
        table = self.tables.of(model)
        return self.named(model)(key, *(getattr(instance, name) for name in table.columns))

    def replace(self, model: Any, change: Callable[[list[Any]], Iterable[Any]]) -> None:
        """Replace the rows of a model."""
        self.draft.rows[model] = list(change(self.of(model)))


def reprice(rows: Rows, lines: Iterable[Any]) -> None:
    """Replace the prices of the pieces of lines, so that their sum is the amount of the line.

    Oscar charges by these prices when a part of an order is sent.
    """
    by_key = {line.pk: line for line in lines}

    def prices(found: list[Any]) -> Iterator[Any]:
        done = set()
        for row in found:
            if row.line_id not in by_key:
                yield row
            elif row.line_id not in done:
                done.add(row.line_id)
                yield from _exact_prices(row, by_key[row.line_id])

    rows.replace(LinePrice, prices)


def _exact_prices(row: Any, line: Any) -> Iterator[Any]:
    """Yield prices for all pieces of a line; the first pieces bear the odd cents."""
    incl, more_incl = divmod(int(line.line_price_incl_tax * 100), line.quantity)
    excl, more_excl = divmod(int(line.line_price_excl_tax * 100), line.quantity)
    for first, end in pairwise(sorted({0, more_incl, more_excl, line.quantity})):
        yield row._replace(
            quantity=end - first,
            price_incl_tax=Decimal(incl + (first < more_incl)) / 100,
            price_excl_tax=Decimal(excl + (first < more_excl)) / 100,
        )


def _scale_discounts(
    rows: Rows, line_discounts: Sequence[Any], factors: dict[Any, Fraction]
) -> None:
    """Scale the discounts of lines, and with them the discounts of the order."""
    before: dict[Any, Decimal] = {}
    after: dict[Any, Decimal] = {}
    left = []
    for row in map(rows.named(OrderLineDiscount)._make, line_discounts):
        amount = scaled(row.amount, factors.get(row.line_id, Fraction(0)))
        before[row.order_discount_id] = before.get(row.order_discount_id, Decimal(0)) + row.amount
        after[row.order_discount_id] = after.get(row.order_discount_id, Decimal(0)) + amount
        if row.line_id in factors:
            left.append(row._replace(amount=amount))
    kept = []
    for row in rows.of(OrderDiscount):
        if not before.get(row.pk):
            kept.append(row)
        elif after[row.pk]:
            factor = Fraction(after[row.pk]) / Fraction(before[row.pk])
            kept.append(row._replace(amount=scaled(row.amount, factor)))
        else:
            rows.draft.outcomes.append(_without_effect(row))
    rows.draft.rows |= {OrderLineDiscount: left, OrderDiscount: kept}


def _without_effect(row: Any) -> Outcome:
    return Outcome(
        Action.SKIPPED,
        "discounts",
        name=row.voucher_code or row.offer_name,
        code="promotion_without_effect",
        message=_("no remaining line is reduced by this discount"),
    )
