"""Values and texts for the pages of plans and copies in the admin, without HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Max
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies import copying
from order_copies.admin.advice import reasons_of
from order_copies.languages import translated
from order_copies.models import OPTIONS, OrderCopy, OrderFactory, Status
from order_copies.plans import Action, CopyPlan, Problem, Step, errors_log
from order_copies.shops import unsupported_toggles
from order_copies.templatetags.order_copies_admin import words
from order_copies.transitions import RETRYABLE
from order_copies.worker.previews import standing_copies

#: The largest number of unchanged lines of one order that a page lists; it counts the others.
MAX_UNTOUCHED = 50
#: The largest number of unchanged lines that are not folded away.
FEW_LINES = 8

action_labels = {
    Action.COPIED: gettext_lazy("copied"),
    Action.REDUCED: gettext_lazy("reduced"),
    Action.REPRICED: gettext_lazy("repriced"),
    Action.CHANGED: gettext_lazy("changed"),
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

toggle_labels = {
    "place_target_order": gettext_lazy("place"),
    "cancel_source_order": gettext_lazy("cancel source"),
    "reuse_wallet": gettext_lazy("wallet"),
    "apply_promotions": gettext_lazy("promotions"),
    "skip_errors": gettext_lazy("skip errors"),
    "ignore_invalid_coupon": gettext_lazy("ignore coupon"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A link or button that shows some of the rows of a page."""

    name: str
    label: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Side:
    """The amounts of a line in one of the two orders: ``quantity × unit + extra = total``."""

    quantity: Any = None
    #: Amount per unit, in minor units of the currency.
    unit: int | None = None
    #: Amount of the line, in minor units of the currency.
    total: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> "Side | None":
        """Return the side for the ``before`` or ``after`` of an outcome; None for None."""
        if values is None:
            return None
        names = ("quantity", "unit_amount_cents", "total_amount_cents")
        return cls(*(values.get(name) for name in names))

    @property
    def is_sum(self) -> bool:
        """Whether the total is anything but the price of one unit, so that a sum is shown."""
        return self.unit is not None and (self.quantity != 1 or bool(self.extra))

    @property
    def extra(self) -> int:
        """The part of the total that is not units: the amount of options."""
        if self.total is None or self.unit is None:
            return 0
        return self.total - self.unit * (self.quantity or 0)


@dataclass(frozen=True, slots=True)
class Line:
    """The result for one line, or for another part of the order."""

    name: str
    action: str
    message: str
    before: Side | None
    after: Side | None

    @classmethod
    def of(cls, outcome: Mapping[str, Any]) -> "Line":
        """Return the line for one entry of ``outcomes``."""
        return cls(
            outcome.get("name") or words(outcome["attribute"]),
            outcome["action"],
            translated(outcome.get("message") or ""),
            Side.of(outcome.get("before")),
            Side.of(outcome.get("after")),
        )

    @property
    def label(self) -> str:
        """The translated action."""
        return str(action_labels.get(Action(self.action), self.action))

    @property
    def is_untouched(self) -> bool:
        """Whether the line is copied without a change or a message."""
        return self.action == Action.COPIED and not self.message


class Lines:
    """The outcomes of one copy: changed lines first, then those copied unchanged."""

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
        """Whether the unchanged lines are folded away, because there are many."""
        return self.untouched_count > FEW_LINES

    @property
    def more(self) -> int:
        """The number of unchanged lines that are not listed."""
        return self.untouched_count - len(self.untouched)


@dataclass(frozen=True, slots=True)
class Total:
    """One total in source and target, in minor units of the currency."""

    label: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        """Target minus source."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Earlier:
    """The number of existing copies of an order, and the latest of them."""

    count: int
    latest: OrderFactory


def earlier_copies(keys: Sequence[Any]) -> dict[Any, Earlier]:
    """Return the existing copies of orders, by primary key of the order. Two queries.

    A failed or aborted copy counts only if it has a target order.
    """
    found = (
        standing_copies(keys)
        .order_by()
        .values_list("source_order")
        .annotate(Count("pk"), Max("pk"))
    )
    rows = list(found)
    latest = OrderFactory.objects.in_bulk([newest for _order, _count, newest in rows])
    return {
        order: Earlier(count, latest[newest]) for order, count, newest in rows if newest in latest
    }


class Preview:
    """The preview of one copy: its plan in texts for staff."""

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
        self.is_open = is_open

    @property
    def totals(self) -> list[Total]:
        """The totals of source and target, the grand total last."""
        totals = [
            Total(str(total_labels.get(name) or words(name)), before, after)
            for name, before, after in self.plan.totals
        ]
        # Leave out totals that are 0 or that repeat the grand total.
        grand = {(0, 0)} | {(total.before, total.after) for total in totals[-1:]}
        subtotals = [total for total in totals[:-1] if (total.before, total.after) not in grand]
        return [*subtotals, *totals[-1:]]

    @property
    def total(self) -> Total | None:
        """The grand total, which is the last total that the shop names."""
        return self.totals[-1] if self.totals else None

    @property
    def summary(self) -> str:
        """The first reason of the result and the number of the others; empty if there is none."""
        plan = self.plan
        # The refused transition has a reason of its own, in other words.
        reasoned = [one for one in plan.problems if one.code != "cannot_transition"]
        problems = reasoned or plan.problems
        changes = [
            translated(one.message) or one.name
            for one in plan.outcomes
            if one.action != Action.COPIED
        ]
        reasons = list(dict.fromkeys(filter(None, [*map(_reason, problems)] or changes)))
        more = f" (+{len(reasons) - 1})" if len(reasons) > 1 else ""
        return f"{reasons[0]}{more}" if reasons else ""

    @property
    def target(self) -> tuple[str, str]:
        """Result for the target order: kind of badge, and text."""
        if not self.plan.will_write:
            return "failed", _("Target: none")
        if self.plan.will_place:
            return "completed", _("Target: created and placed")
        if self.plan.place:
            return "failed", _("Target: created, but not placed")
        return "neutral", _("Target: created, not placed")

    @property
    def source(self) -> tuple[str, str]:
        """Result for the source order: kind of badge, and text."""
        if self.plan.will_cancel:
            return "reduced", _("Source: cancelled")
        if self.plan.cancel:
            return "failed", _("Source: not cancelled")
        return "neutral", _("Source: unchanged")


def readable(log: Mapping[str, Sequence[str]]) -> list[tuple[str, list[str]]]:
    """Return an errors log in the active language, with attributes as words, each message once."""
    return [
        (words(name), [translated(message) for message in dict.fromkeys(messages)])
        for name, messages in log.items()
    ]


def _reason(problem: Problem) -> str:
    message = translated(problem.message)
    if problem.step == Step.PLACE:
        # "Payment source can't be blank"
        return f"{words(problem.attribute)} {message}"
    return message


def _sum(sides: Iterable[Side | None]) -> int:
    return sum(side.total or 0 for side in sides if side)


def _verdict(plan: CopyPlan) -> tuple[str, str]:
    if plan.will_complete and not plan.problems:
        return "completed", _("Will complete")
    if plan.will_complete:
        return "warning", _("Will complete with errors")
    if plan.will_write:
        return "failed", _("Will fail and leave a target to repair by hand")
    return "failed", _("Will fail")


class Detail:
    """One copy for staff. ``source`` and ``target`` are names of its orders, or links."""

    def __init__(self, order_copy: OrderCopy, *, source: str | None, target: str | None) -> None:
        self.order_copy = order_copy
        self.source = source or _("a deleted order")
        self.target = target
        self.duration = duration_of(order_copy)
        self.reasons = reasons_of(order_copy)
        self.kind = "warning" if order_copy.status == Status.COMPLETED else "failed"

    @property
    def errors(self) -> list[tuple[str, Sequence[str]]]:
        """The errors by attribute; none if a person aborted the copy."""
        return [(reason.name, reason.messages) for reason in self.reasons]

    @property
    def toggles(self) -> list[tuple[Any, Any, bool]]:
        """Name, help text and value of each option that the shop can do or that is on."""
        unsupported, order_copy = unsupported_toggles(), self.order_copy
        shown = (name for name in OPTIONS if name not in unsupported or getattr(order_copy, name))
        fields = ((name, OrderCopy._meta.get_field(name)) for name in shown)
        return [
            (field.verbose_name, field.help_text, getattr(self.order_copy, name))  # type: ignore[union-attr]
            for name, field in fields
        ]

    @cached_property
    def why_not_retried(self) -> str:
        """Why a failed or aborted copy cannot be retried; empty if it can."""
        if self.order_copy.status not in RETRYABLE:
            return ""
        return "; ".join(problem.message for problem in copying.why_not_retried(self.order_copy))


def duration_of(order_copy: OrderCopy) -> str | None:
    """Return the time from start to end in a suitable unit; None before the end."""
    ended_at = order_copy.completed_at or order_copy.failed_at
    if ended_at is None or order_copy.started_at is None:
        return None
    seconds = (ended_at - order_copy.started_at).total_seconds()
    if seconds < 1:
        return _("%(milliseconds)d ms") % {"milliseconds": round(seconds * 1000)}
    if seconds < 120:
        return _("%(seconds)s s") % {"seconds": number_format(round(seconds, 1), decimal_pos=1)}
    return _("%(minutes)d min") % {"minutes": round(seconds / 60)}
