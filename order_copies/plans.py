"""Plans of copies, line by line: plain data, without database or Django models.

The preview renders a :class:`CopyPlan`, and the worker executes one, so both make the same
decisions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext as _

#: Problem code, and key in ``errors_log``, of a plan that differs from the previewed plan.
PLAN_CHANGED = "plan_changed"


class Action(StrEnum):
    """The result of copying one line of the source order, or another part of it."""

    #: Same quantity and same price.
    COPIED = "copied"
    #: Smaller quantity, because fewer units are available.
    REDUCED = "reduced"
    #: Same quantity, another price.
    REPRICED = "repriced"
    #: Another quantity, price or article, as the request or the subscription of the copy says.
    CHANGED = "changed"
    #: Not in the target order.
    SKIPPED = "skipped"
    #: In the target order only, such as a new discount.
    ADDED = "added"


class Step(StrEnum):
    """A step of a copy that a problem can prevent."""

    #: Write the target order.
    WRITE = "write"
    #: Place the target order.
    PLACE = "place"
    #: Cancel the source order.
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why a step of a copy cannot run."""

    step: Step
    #: Key of the message in ``errors_log``: the attribute of the copy or order that is at fault.
    attribute: str
    #: A stable identifier for programs.
    code: str
    #: Text for people in the active language: English in a worker and in the API.
    message: str
    #: Whether ``skip_errors`` ignores the problem and lets the copy continue.
    skippable: bool = True
    #: Whether the problem may pass by itself, so that the renewal of a subscription is retried.
    may_pass: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one line of the source order, or for another part of it."""

    action: Action
    #: The part of the order, ``"line_items"`` for a line.
    attribute: str = "line_items"
    #: Public id of the line in the source.
    source_line_item: str | None = None
    #: Name of the line, for people.
    name: str = ""
    #: A stable identifier of the reason, for programs; empty if the line is copied unchanged.
    code: str = ""
    #: The reason, for people.
    message: str = ""
    #: Values in the source, amounts in cents.
    before: Mapping[str, Any] | None = None
    #: Values in the target, amounts in cents.
    after: Mapping[str, Any] | None = None
    #: Data that the shop needs to write this line. The app does not read it.
    row: Any = None

    @property
    def writes_a_line(self) -> bool:
        """Whether the outcome creates a line in the target order."""
        return self.attribute == "line_items" and self.action != Action.SKIPPED

    @property
    def shown(self) -> list[Any]:
        """The values that count for the digest of a plan.

        Names and messages do not count, because they may be translated.
        """
        line = [self.attribute, self.source_line_item, self.action, self.code]
        return [*line, self.before, self.after]

    def as_json(self, target_line_item: str | None = None) -> dict[str, Any]:
        """Return the entry for the attribute ``outcomes`` of the copy."""
        return {
            "attribute": self.attribute,
            "source_line_item": self.source_line_item,
            "target_line_item": target_line_item,
            "name": self.name,
            "action": self.action.value,
            "code": self.code or None,
            "message": self.message or None,
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Outcome":
        """Return the outcome of an entry of ``outcomes``, without ``row``."""
        return cls(
            Action(entry["action"]),
            entry["attribute"],
            entry["source_line_item"],
            entry["name"],
            entry["code"] or "",
            entry["message"] or "",
            entry["before"],
            entry["after"],
        )


@dataclass
class CopyPlan:
    """Everything that one copy will do, decided before anything is written."""

    #: Whether the copy requests to place the target (``place_target_order``).
    place: bool
    #: Whether the copy requests to cancel the source (``cancel_source_order``).
    cancel: bool
    #: Whether the copy ignores skippable problems.
    skip_errors: bool
    #: One outcome per line of the source, and those of other parts, in the order of the target.
    outcomes: list[Outcome] = field(default_factory=list)
    #: The known problems of all steps.
    problems: list[Problem] = field(default_factory=list)
    #: ISO 4217 code of the amounts.
    currency_code: str = ""
    #: Totals by name in cents, for example ``{"total_amount_cents": 12000}``.
    source_totals: Mapping[str, int] = field(default_factory=dict)
    target_totals: Mapping[str, int] = field(default_factory=dict)
    #: Data that the shop needs to write the order itself. The app does not read it.
    row: Any = None
    #: Whether earlier copies of the batch take stock or coupon uses that this one lacks. If placing
    #: one of them fails, a contended copy is planned again.
    is_contended: bool = False

    @property
    def totals(self) -> list[tuple[str, int, int]]:
        """Triples of name, source total and target total, in cents; a missing total is 0."""
        before, after = self.source_totals, self.target_totals
        return [
            (name, before.get(name, 0), after.get(name, 0))
            for name in dict.fromkeys([*before, *after])
        ]

    @cached_property
    def lines(self) -> list[Outcome]:
        """The outcomes that create lines in the target, in order."""
        return [outcome for outcome in self.outcomes if outcome.writes_a_line]

    @property
    def will_write(self) -> bool:
        """Whether a target order will be written."""
        return not any(
            problem.step == Step.WRITE and not (self.skip_errors and problem.skippable)
            for problem in self.problems
        )

    @property
    def will_place(self) -> bool:
        """Whether the target order will be placed.

        Placing and cancelling are one swap: a source that cannot be cancelled prevents placing.
        """
        return self.place and self.will_write and not self._stopped_at(Step.PLACE, Step.CANCEL)

    @property
    def will_cancel(self) -> bool:
        """Whether the source order will be cancelled, which requires that placing succeeds."""
        return self.cancel and self.will_write and not self._stopped_at(Step.PLACE, Step.CANCEL)

    @property
    def will_complete(self) -> bool:
        """Whether the copy will end with the status ``completed``."""
        return succeeds(self.problems, skip_errors=self.skip_errors)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, 64 hexadecimal digits, equal for equal plans in every process.

        Translated texts do not count, nor does the problem :data:`PLAN_CHANGED`.
        """
        text = json.dumps(self._shown(), default=_canonical, sort_keys=True)
        return sha256(text.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return what a preview shows of the plan, for :meth:`from_json`."""
        names = ("place", "cancel", "skip_errors", "currency_code")
        return {
            **{name: getattr(self, name) for name in names},
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
            "problems": [asdict(problem) for problem in self.problems],
            "source_totals": dict(self.source_totals),
            "target_totals": dict(self.target_totals),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CopyPlan":
        """Return the plan that :meth:`as_json` returned: the same preview, but not executable."""
        return cls(
            **{
                **values,
                "outcomes": [Outcome.from_json(entry) for entry in values["outcomes"]],
                "problems": [
                    Problem(**{**entry, "step": Step(entry["step"])})
                    for entry in values["problems"]
                ],
            }
        )

    def _shown(self) -> dict[str, Any]:
        problems = (problem for problem in self.problems if problem.code != PLAN_CHANGED)
        return {
            "flags": [self.place, self.cancel, self.skip_errors],
            "currency_code": self.currency_code,
            "totals": [self.source_totals, self.target_totals],
            "outcomes": [outcome.shown for outcome in self.outcomes],
            "problems": [[one.step, one.attribute, one.code, one.skippable] for one in problems],
        }

    def _stopped_at(self, *steps: Step) -> bool:
        return any(problem.step in steps for problem in self.problems)


def cannot_transition(step: Step, before: str, after: str) -> Problem:
    """Return the problem of a forbidden status transition, in the contract's words (1.6)."""
    # The statuses have translations, and are the contract's words in English.
    message = _("cannot transition from %(before)s to %(after)s")
    named = message % {"before": _(before), "after": _(after)}
    return Problem(step, "status", "cannot_transition", named)


def plan_changed() -> Problem:
    """Return the problem of a copy whose plan differs from the preview; it stops the copy."""
    message = _("the plan has changed since the preview: preview the copy again")
    return Problem(Step.WRITE, PLAN_CHANGED, PLAN_CHANGED, message, skippable=False)


def unsupported(toggle: str, reason: str) -> Problem:
    """Return the problem of a copy with a toggle that the shop cannot do; it stops the copy."""
    return Problem(Step.WRITE, toggle, "unsupported", reason, skippable=False)


def succeeds(problems: Sequence[Problem], *, skip_errors: bool) -> bool:
    """Return whether a copy with these problems ends with the status ``completed``."""
    return all(skip_errors and problem.skippable for problem in problems)


def errors_log(problems: Sequence[Problem]) -> dict[str, list[str]]:
    """Return the messages of ``problems`` by attribute, without repetitions (contract 1.6)."""
    log: dict[str, list[str]] = {}
    for problem in problems:
        messages = log.setdefault(problem.attribute, [])
        if problem.message not in messages:
            messages.append(problem.message)
    return log


def errors_count(log: Mapping[str, Sequence[str]]) -> int:
    """Return the number of messages in an errors log (contract 1.6)."""
    return sum(len(messages) for messages in log.values())


def _canonical(value: Any) -> Any:
    # A decimal has different trailing zeros on different databases.
    if isinstance(value, Mapping):
        return dict(value)
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
