"""What the pages show of plans and of copies that ended: values and words, no HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.earlier import Earlier
from order_copies.plans import Action, CopyPlan, errors_log

#: How many untouched lines of one order a page lists; the rest is counted.
MAX_UNTOUCHED = 50
#: Up to so many untouched lines stand in the open.
FEW_LINES = 8

action_labels = {
    Action.COPIED: gettext_lazy("copied"),
    Action.REDUCED: gettext_lazy("reduced"),
    Action.REPRICED: gettext_lazy("repriced"),
    Action.SKIPPED: gettext_lazy("skipped"),
    Action.ADDED: gettext_lazy("added"),
}

total_labels = {
    "subtotal_amount_cents": gettext_lazy("Subtotal"),
    "shipping_amount_cents": gettext_lazy("Shipping"),
    "payment_method_amount_cents": gettext_lazy("Payment fee"),
    "adjustment_amount_cents": gettext_lazy("Adjustments"),
    "discount_amount_cents": gettext_lazy("Discount"),
    "gift_card_amount_cents": gettext_lazy("Gift card"),
    "total_tax_amount_cents": gettext_lazy("Tax"),
    "total_amount_cents": gettext_lazy("Total"),
    "total_amount_with_taxes_cents": gettext_lazy("Total with taxes"),
}


def words(name: str) -> str:
    """A name out of the code as words: ``source_order`` is "Source order"."""
    if name == "base":
        return _("The copy")
    text = name.removesuffix("_cents").removesuffix("_amount").replace("_", " ")
    return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Side:
    """A line as one of the two orders has it: ``quantity × unit + extra = total``."""

    quantity: Any = None
    unit: int | None = None
    total: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> "Side | None":
        """The side with these values of an outcome; None where the order lacks the line."""
        if values is None:
            return None
        names = ("quantity", "unit_amount_cents", "total_amount_cents")
        return cls(*(values.get(name) for name in names))

    @property
    def is_sum(self) -> bool:
        """Whether there is more to it than one of something."""
        return self.unit is not None and (self.quantity != 1 or bool(self.extra))

    @property
    def extra(self) -> int:
        """What the total holds beyond the units: options."""
        if self.total is None or self.unit is None:
            return 0
        return self.total - self.unit * (self.quantity or 0)


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of one line, or of another part of the order."""

    name: str
    action: str
    message: str
    before: Side | None
    after: Side | None

    @classmethod
    def of(cls, outcome: Mapping[str, Any]) -> "Line":
        """The line of one entry of ``outcomes``."""
        return cls(
            outcome.get("name") or words(outcome["attribute"]),
            outcome["action"],
            outcome.get("message") or "",
            Side.of(outcome.get("before")),
            Side.of(outcome.get("after")),
        )

    @property
    def label(self) -> str:
        """The action in words."""
        return str(action_labels.get(Action(self.action), self.action))

    @property
    def is_untouched(self) -> bool:
        """Whether the line travels as it is."""
        return self.action == Action.COPIED and not self.message


class Lines:
    """The outcomes of one copy: what needs a look first, then what travels as it is."""

    def __init__(self, outcomes: Iterable[Mapping[str, Any]], currency_code: str = "") -> None:
        outcomes = list(outcomes)
        self.currency_code = currency_code
        lines = [Line.of(entry) for entry in outcomes if entry["attribute"] == "line_items"]
        self.notes = [Line.of(entry) for entry in outcomes if entry["attribute"] != "line_items"]
        self.touched = [line for line in lines if not line.is_untouched]
        untouched = [line for line in lines if line.is_untouched]
        self.untouched = untouched[:MAX_UNTOUCHED]
        self.untouched_count = len(untouched)
        self.before = _sum(line.before for line in lines)
        self.after = _sum(line.after for line in lines)

    @property
    def collapses(self) -> bool:
        """Whether the untouched lines are many enough to be folded away."""
        return self.untouched_count > FEW_LINES

    @property
    def totals(self) -> list["Total"]:
        """The sum of the lines in both orders."""
        return [Total(_("All lines"), self.before, self.after)]

    @property
    def more(self) -> int:
        """How many untouched lines are only counted."""
        return self.untouched_count - len(self.untouched)


@dataclass(frozen=True, slots=True)
class Total:
    """One total of an order, before and after."""

    label: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        """What the target costs more than the source."""
        return self.after - self.before


class Preview:
    """One plan, as staff read it."""

    def __init__(
        self,
        order: Any,
        cells: Sequence[tuple[str, Any]],
        plan: CopyPlan,
        earlier: Earlier | None = None,
        *,
        is_open: bool,
    ) -> None:
        self.order = order
        self.cells = cells
        self.plan = plan
        self.earlier = earlier
        self.lines = Lines((outcome.as_json() for outcome in plan.outcomes), plan.currency_code)
        self.problems = readable(errors_log(plan.problems))
        self.kind, self.verdict = _verdict(plan)
        self.is_open = is_open or bool(plan.problems)

    @property
    def totals(self) -> list[Total]:
        """The totals that either order has, the grand total last."""
        totals = [
            Total(str(total_labels.get(name) or words(name)), before, after)
            for name, before, after in self.plan.totals
        ]
        # What is nothing, or the grand total under another name, is left out.
        grand = {(0, 0)} | {(total.before, total.after) for total in totals[-1:]}
        subtotals = [total for total in totals[:-1] if (total.before, total.after) not in grand]
        return [*subtotals, *totals[-1:]]

    @property
    def total(self) -> Total | None:
        """The grand total: the last that the shop names."""
        return self.totals[-1] if self.totals else None

    @property
    def target(self) -> tuple[str, str]:
        """What becomes of the target order, as a kind and in words."""
        if not self.plan.will_write:
            return "failed", _("Target: none is made")
        if self.plan.will_place:
            return "completed", _("Target: made and placed")
        if self.plan.place:
            return "failed", _("Target: made, but not placed")
        return "neutral", _("Target: made, not placed")

    @property
    def source(self) -> tuple[str, str]:
        """What becomes of the source order, as a kind and in words."""
        if self.plan.will_cancel:
            return "reduced", _("Source: cancelled")
        if self.plan.cancel:
            return "failed", _("Source: stays, not cancelled")
        return "neutral", _("Source: stays as it is")


def readable(log: Mapping[str, Sequence[str]]) -> list[tuple[str, list[str]]]:
    """The errors log with attributes in words, each message once."""
    return [(words(name), list(dict.fromkeys(messages))) for name, messages in log.items()]


def _sum(sides: Iterable[Side | None]) -> int:
    return sum(side.total or 0 for side in sides if side)


def _verdict(plan: CopyPlan) -> tuple[str, str]:
    if plan.will_complete and not plan.problems:
        return "completed", _("Will complete")
    if plan.will_complete:
        return "warning", _("Will complete with errors")
    if plan.will_write:
        return "failed", _("Will fail, leaving a target to be put right by hand")
    return "failed", _("Will fail")
