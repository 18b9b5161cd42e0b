"""Compare an original with its copy, line by line, in values and words, without HTML."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from order_copies.admin.display import FEW_LINES, MAX_UNTOUCHED, Side, Total, total_labels
from order_copies.languages import translated
from order_copies.models import OrderFactory, Status
from order_copies.shops import DescribedLine, OrderDescription, get_shop
from order_copies.templatetags.order_copies_admin import words


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the original, of the copy, or of both."""

    name: str
    sku_code: str
    before: Side | None
    after: Side | None
    #: Why the copy changed the line or left it out; empty if it did neither.
    message: str = ""

    @property
    def kind(self) -> str:
        """The kind of the badge, which colours it."""
        if self.after is None:
            return "skipped"
        if self.before is None:
            return "added"
        if self._more:
            return "added" if self._more > 0 else "reduced"
        return "same" if self.before == self.after else "repriced"

    @property
    def label(self) -> str:
        """The difference in words."""
        if self.after is None:
            return _("left out")
        if self.before is None:
            return _("added")
        if self._more > 0:
            return _("%(count)s more") % {"count": self._more}
        if self._more < 0:
            return _("%(count)s fewer") % {"count": -self._more}
        return _("same") if self.before == self.after else _("other price")

    @property
    def _more(self) -> Any:
        """How many more pieces the copy has."""
        return _pieces(self.after) - _pieces(self.before)

    @property
    def amount(self) -> int:
        """How much more the copy costs for this line, in minor units; less is negative."""
        return _amount(self.after) - _amount(self.before)

    @property
    def is_same(self) -> bool:
        """Whether the line is equal in both orders, and the copy has nothing to say about it."""
        return self.before == self.after and not self.message


@dataclass(frozen=True, slots=True)
class Fact:
    """A value other than a line or total, such as an address, in both orders."""

    label: str
    before: str
    after: str

    @property
    def is_same(self) -> bool:
        """Whether both orders have the same value."""
        return self.before == self.after


class Comparison:
    """An original next to its copy; without a copy, the original alone.

    ``outcomes`` are those of the copy: they say which line became which, and why one was changed.
    Other lines are the same if they have the same SKU code, or the same name without one.
    """

    def __init__(
        self,
        original: OrderDescription,
        copy: OrderDescription | None,
        outcomes: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.original, self.copy = original, copy
        self.currency_code = original.currency_code or (copy.currency_code if copy else "")
        self._outcomes = outcomes

    @property
    def has_copy(self) -> bool:
        """Whether there is an order to compare with."""
        return self.copy is not None

    @cached_property
    def lines(self) -> list[Difference]:
        """The lines of the original in order, then those that only the copy has."""
        lines = list(self.original.lines)
        if self.copy is None:
            return [self._difference(line, None) for line in lines]
        matches = _matches(lines, self.copy.lines, self._outcomes)
        matched = {line.id for line in matches.values()}
        added = [line for line in self.copy.lines if line.id not in matched]
        return [
            *(self._difference(line, matches.get(line.id)) for line in lines),
            *(self._difference(None, line) for line in added),
        ]

    @property
    def touched(self) -> list[Difference]:
        """The lines that differ, or about which the copy has something to say."""
        if self.has_copy:
            return [line for line in self.lines if not line.is_same]
        return [line for line in self.lines if line.message]

    @cached_property
    def _untouched(self) -> list[Difference]:
        if self.has_copy:
            return [line for line in self.lines if line.is_same]
        return [line for line in self.lines if not line.message]

    @property
    def untouched(self) -> list[Difference]:
        """The other lines that the page lists, at most :data:`MAX_UNTOUCHED`."""
        return self._untouched[:MAX_UNTOUCHED]

    @property
    def untouched_count(self) -> int:
        """The number of the other lines."""
        return len(self._untouched)

    @property
    def more(self) -> int:
        """The number of lines that the page does not list."""
        return max(0, len(self._untouched) - MAX_UNTOUCHED)

    @property
    def collapses(self) -> bool:
        """Whether the unchanged lines are folded away, because there are many."""
        return len(self._untouched) > FEW_LINES

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What the copy decided about other parts, such as the coupon: name and reason."""
        return [
            (one.get("name") or words(one["attribute"]), translated(one["message"]))
            for one in self._outcomes
            if one["attribute"] != "line_items" and one.get("message")
        ]

    @property
    def totals(self) -> list[Total]:
        """The totals of both orders, the grand total last; zeros are left out."""
        before, after = self.original.totals, self.copy.totals if self.copy else {}
        names = {name: str(total_labels.get(name) or words(name)) for name in [*before, *after]}
        totals = [
            Total(label, before.get(name, 0), after.get(name, 0)) for name, label in names.items()
        ]
        return [one for one in totals[:-1] if one.before or one.after] + totals[-1:]

    @property
    def facts(self) -> list[Fact]:
        """Statuses, addresses and the like; what neither order has is left out."""
        before, after = self.original.facts, self.copy.facts if self.copy else {}
        facts = [
            Fact(label, before.get(label, ""), after.get(label, ""))
            for label in dict.fromkeys([*before, *after])
        ]
        return [fact for fact in facts if fact.before or fact.after]

    @property
    def verdict(self) -> str:
        """Both orders in one sentence; empty without a copy."""
        if not self.has_copy:
            return ""
        lines = len(self.touched)
        if not lines:
            return _("All lines are the same.")
        text = ngettext("%(count)s line differs.", "%(count)s lines differ.", lines)
        return text % {"count": lines}

    def _difference(self, before: DescribedLine | None, after: DescribedLine | None) -> Difference:
        line = before or after
        assert line is not None
        message = self._messages.get(before.id, "") if before else ""
        return Difference(line.name, line.sku_code, _side(before), _side(after), message)

    @cached_property
    def _messages(self) -> dict[str, str]:
        return {
            one["source_line_item"]: translated(one["message"])
            for one in self._outcomes
            if one.get("source_line_item") and one.get("message")
        }


def compare(order_copy: OrderFactory, *, describes: bool = True) -> Comparison:
    """Compare the orders of a copy as they are now.

    If one was deleted, or the shop describes none, the page shows what the copy recorded, and
    without ``describes`` too: for users who may not view orders. A copy that made no order is
    compared with nothing, not with the order that it would have made.
    """
    source, target = order_copy.source_order, order_copy.target_order
    orders = [order for order in (source, target) if order is not None]
    described = get_shop().describe(orders) if describes else [None] * len(orders)
    found = dict(zip((order.pk for order in orders), described, strict=True))
    original = found.get(source.pk) if source else None
    copy = found.get(target.pk) if target else None
    has_copy = target is not None or order_copy.status == Status.COMPLETED
    outcomes: list[dict[str, Any]] = order_copy.outcomes or []
    currency = get_shop().currency_of(orders[0]) if orders else ""
    return Comparison(
        original or _recorded(outcomes, "source_line_item", "before", currency),
        (copy or _recorded(outcomes, "target_line_item", "after", currency)) if has_copy else None,
        outcomes,
    )


def _recorded(
    outcomes: Iterable[Mapping[str, Any]], key: str, side: str, currency: str
) -> OrderDescription:
    """Return the lines of one order as the outcomes of its copy recorded them."""
    lines = [
        DescribedLine(
            id=one.get(key) or f"{index}",
            name=one.get("name") or "",
            quantity=one[side].get("quantity"),
            total_amount_cents=one[side].get("total_amount_cents") or 0,
            unit_amount_cents=one[side].get("unit_amount_cents"),
            sku_code=one[side].get("sku_code") or "",
        )
        for index, one in enumerate(outcomes)
        if one["attribute"] == "line_items" and one.get(side)
    ]
    total = sum(line.total_amount_cents for line in lines)
    return OrderDescription(currency, lines, {"all_lines": total})


def _matches(
    lines: Sequence[DescribedLine],
    others: Sequence[DescribedLine],
    outcomes: Iterable[Mapping[str, Any]],
) -> dict[str, DescribedLine]:
    """Return the line of the copy for lines of the original, by the ids of those."""
    by_id = {line.id: line for line in others}
    matches = {source: by_id[target] for source, target in _copied(outcomes) if target in by_id}
    taken = {line.id for line in matches.values()}
    left: dict[str, deque[DescribedLine]] = defaultdict(deque)
    for line in others:
        if line.id not in taken:
            left[line.sku_code or line.name].append(line)
    for line in lines:
        same = left.get(line.sku_code or line.name)
        if same and line.id not in matches:
            matches[line.id] = same.popleft()
    return matches


def _copied(outcomes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in outcomes:
        source, target = one.get("source_line_item"), one.get("target_line_item")
        if source and target:
            yield source, target


def _side(line: DescribedLine | None) -> Side | None:
    if line is None:
        return None
    return Side(line.quantity, line.unit_amount_cents, line.total_amount_cents)


def _amount(side: Side | None) -> int:
    return side.total or 0 if side else 0


def _pieces(side: Side | None) -> Any:
    return side.quantity or 0 if side else 0
