"""What a copy will do, line by line: plain data, no database, no Django models.

The preview shows a :class:`CopyPlan`; the run executes the same one. Nothing decides twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext as _

#: The code, and the key in ``errors_log``, of a plan that is not the one that was previewed.
PLAN_CHANGED = "plan_changed"


class Action(StrEnum):
    """What becomes of a line of the source order."""

    COPIED = "copied"
    REDUCED = "reduced"
    REPRICED = "repriced"
    SKIPPED = "skipped"
    ADDED = "added"


class Step(StrEnum):
    """The step of a copy that a problem stands in the way of."""

    WRITE = "write"
    PLACE = "place"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a step of a copy cannot be done.

    ``attribute`` is its key in ``errors_log``, ``message`` is for people, ``code`` for programs.
    """

    step: Step
    attribute: str
    code: str
    message: str
    #: Whether ``skip_errors`` lets the copy go on in spite of it.
    skippable: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one line of the source, or of another part of it (``attribute``).

    ``source_line_item`` and ``target_line_item`` are public ids; ``before`` and ``after`` hold the
    values that the line has in the source and gets in the target, amounts in cents.
    """

    action: Action
    attribute: str = "line_items"
    source_line_item: str | None = None
    name: str = ""
    code: str = ""
    message: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    #: What the shop writes for this line. Only the shop looks inside.
    row: Any = None

    @property
    def writes_a_line(self) -> bool:
        """Whether the target order gets a line from it."""
        return self.attribute == "line_items" and self.action != Action.SKIPPED

    @property
    def shown(self) -> list[Any]:
        """What the digest of a plan says of it: names and messages may be translated."""
        line = [self.attribute, self.source_line_item, self.action, self.code]
        return [*line, self.before, self.after]

    def as_json(self, target_line_item: str | None = None) -> dict[str, Any]:
        """The entry of ``outcomes`` on the copy."""
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


@dataclass
class CopyPlan:
    """All that one copy will do, decided before anything is written."""

    place: bool
    cancel: bool
    skip_errors: bool
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    currency_code: str = ""
    #: Totals by name in cents, for example ``{"total_amount_cents": 12000}``.
    source_totals: Mapping[str, int] = field(default_factory=dict)
    target_totals: Mapping[str, int] = field(default_factory=dict)
    #: What the shop writes for the order itself. Only the shop looks inside.
    row: Any = None
    #: Whether earlier copies of the batch take what this one lacks. If one of them fails after all,
    #: a contended copy is planned again.
    is_contended: bool = False

    @property
    def totals(self) -> list[tuple[str, int, int]]:
        """Each total that either order has, in cents: its name, in the source, in the target."""
        before, after = self.source_totals, self.target_totals
        return [
            (name, before.get(name, 0), after.get(name, 0))
            for name in dict.fromkeys([*before, *after])
        ]

    @cached_property
    def lines(self) -> list[Outcome]:
        """The outcomes that become lines of the target, in order."""
        return [outcome for outcome in self.outcomes if outcome.writes_a_line]

    @property
    def will_write(self) -> bool:
        """Whether there will be a target order."""
        return not any(
            problem.step == Step.WRITE and not (self.skip_errors and problem.skippable)
            for problem in self.problems
        )

    @property
    def will_place(self) -> bool:
        """Whether the target order will be placed.

        Placing and cancelling are one swap: a cancel that cannot be done keeps the target
        from being placed.
        """
        return self.place and self.will_write and not self._stopped_at(Step.PLACE, Step.CANCEL)

    @property
    def will_cancel(self) -> bool:
        """Whether the source order will be cancelled: after all else that was asked for."""
        return self.cancel and self.will_write and not self._stopped_at(Step.PLACE, Step.CANCEL)

    @property
    def will_complete(self) -> bool:
        """Whether the copy will end completed."""
        return succeeds(self.problems, skip_errors=self.skip_errors)

    @property
    def digest(self) -> str:
        """What the plan shows, in 64 characters: equal for equal plans, in whatever process.

        Messages do not count, as they are translated, nor does it that the plan is not the one
        that was previewed.
        """
        text = json.dumps(self._shown(), default=_canonical, sort_keys=True)
        return sha256(text.encode()).hexdigest()

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
    """The contract's words for a forbidden move between two statuses (contract 1.6)."""
    message = _("cannot transition from %(before)s to %(after)s")
    named = message % {"before": before, "after": after}
    return Problem(step, "status", "cannot_transition", named)


def plan_changed() -> Problem:
    """Why a copy whose plan is not the one that was previewed does nothing at all."""
    message = _("the copy would do something else now than was previewed: look at it once more")
    return Problem(Step.WRITE, PLAN_CHANGED, PLAN_CHANGED, message, skippable=False)


def succeeds(problems: Sequence[Problem], *, skip_errors: bool) -> bool:
    """Whether a copy with these problems ends completed."""
    return all(skip_errors and problem.skippable for problem in problems)


def errors_log(problems: Sequence[Problem]) -> dict[str, list[str]]:
    """The problems as the contract writes them: messages by attribute (contract 1.6)."""
    log: dict[str, list[str]] = {}
    for problem in problems:
        messages = log.setdefault(problem.attribute, [])
        if problem.message not in messages:
            messages.append(problem.message)
    return log


def errors_count(log: Mapping[str, Sequence[str]]) -> int:
    """How many messages an errors log holds (contract 1.6)."""
    return sum(len(messages) for messages in log.values())


def _canonical(value: Any) -> Any:
    """What JSON does not know, the same whatever database it came from."""
    if isinstance(value, Mapping):
        return dict(value)
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
