"""Tests of orders of which a line is unavailable now."""

from typing import Any

from order_copies import copying
from order_copies.models import Status
from order_copies.plans import Action, CopyPlan
from order_copies.testing.base import Contract, needs
from order_copies.testing.plans import assert_adds_up
from order_copies.testing.rows import differences
from order_copies.testing.steps import (
    ACTOR,
    copied,
    ending,
    is_refused,
    previewed,
    stored,
    target_of,
    work,
)


class Availability(Contract):
    """Tests of copies with and without ``skip_errors``."""

    def _incomplete(self) -> Any:
        order = self.make_order()
        self.make_unavailable(order)
        return order

    def _skipping(self, order: Any) -> CopyPlan:
        return previewed(order, skip_errors=True)

    @needs("make_unavailable")
    def test_unavailable_line__fails_the_copy(self) -> None:
        """Without ``skip_errors`` a copy is complete or fails with a reason."""
        order_copy = copied(self._incomplete())
        assert is_refused(order_copy), f"A copy that lacks a line {ending(order_copy)}."
        assert order_copy.target_order is None, "A copy that lacks a line left a target."

    @needs("make_unavailable")
    def test_unavailable_line__is_named_by_its_outcome(self) -> None:
        """An outcome that is not "copied" has a code for programs and a message for people."""
        changed = [
            one
            for one in self._skipping(self._incomplete()).outcomes
            if one.action != Action.COPIED
        ]
        assert changed, "No outcome says which line is unavailable."
        for outcome in changed:
            assert outcome.code, f"The outcome {outcome.action} of {outcome.name} has no code."
            assert outcome.message, (
                f"The outcome {outcome.action} of {outcome.name} has no message."
            )

    @needs("make_unavailable")
    def test_unavailable_line__is_a_problem_with_a_message(self) -> None:
        """A problem has an attribute, a code and a message, and ``skip_errors`` ignores it."""
        problems = previewed(self._incomplete()).problems
        assert problems, "plan() found no problem with an unavailable line."
        for problem in problems:
            assert problem.attribute, f"{problem} has no attribute."
            assert problem.code, f"{problem} has no code."
            assert problem.message, f"{problem} has no message."

    @needs("make_unavailable")
    def test_skip_errors__completes_without_the_line(self) -> None:
        """With ``skip_errors`` the other lines are copied, and the errors are kept."""
        order_copy = copied(self._incomplete(), skip_errors=True)
        target_of(order_copy)
        assert order_copy.errors_count, "A copy without a line of its source has no error."

    @needs("make_unavailable")
    def test_skip_errors__keeps_the_other_lines(self) -> None:
        """The outcomes of the lines that are copied are those of a complete copy."""
        order = self.make_order()
        complete = {one.source_line_item: one.after for one in previewed(order).outcomes}
        self.make_unavailable(order)
        kept = [one for one in self._skipping(order).outcomes if one.action == Action.COPIED]
        assert kept, "make_unavailable() leaves no line to copy, or plan() skips all of them."
        for outcome in kept:
            assert outcome.after == complete[outcome.source_line_item], (
                f"{outcome.name} is {outcome.after} without the other line, and was "
                f"{complete[outcome.source_line_item]}."
            )

    @needs("make_unavailable")
    def test_skip_errors__writes_what_was_planned(self) -> None:
        """The target has the totals and lines that the plan shows."""
        order = self._incomplete()
        plan = self._skipping(order)
        again = previewed(target_of(copied(order, skip_errors=True)))
        assert again.source_totals == plan.target_totals, (
            f"write() wrote the totals {again.source_totals}, the plan has {plan.target_totals}."
        )
        assert len(again.outcomes) == len(plan.lines), (
            f"write() wrote {len(again.outcomes)} lines where the plan has {len(plan.lines)}."
        )

    @needs("make_unavailable")
    def test_skip_errors__adds_up(self) -> None:
        """The totals change by what the outcomes change."""
        assert_adds_up(self._skipping(self._incomplete()))

    @needs("make_unavailable")
    def test_skip_errors__leaves_the_source_unchanged(self) -> None:
        """A line that is left out stays in the source."""
        order = self._incomplete()
        before = self.belongings(order)
        assert copied(order, skip_errors=True).status == Status.COMPLETED
        changed = differences(before, self.belongings(order))
        assert not changed, f"write() changed the source: {changed[0]}."

    @needs("make_unavailable")
    def test_retry__fails_again_for_the_same_reasons(self) -> None:
        """A failed copy can be retried; it is planned again."""
        order_copy = copied(self._incomplete())
        before = order_copy.errors_log
        copying.retry([order_copy], actor=ACTOR)
        work()
        [again] = stored([order_copy])
        assert is_refused(again), f"A retried copy {ending(again)}."
        assert again.errors_log == before, f"A retried copy {ending(again)}, and before {before}."
