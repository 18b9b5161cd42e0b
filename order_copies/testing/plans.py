"""Tests of ``Shop.plan``: it decides everything, writes nothing, and shows every line."""

import json
from itertools import product

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.exceptions import SourceOrderGoneError
from order_copies.models import OrderCopy
from order_copies.plans import Action, CopyPlan
from order_copies.testing.base import Contract
from order_copies.testing.rows import database, differences
from order_copies.testing.steps import (
    previewed,
    requested,
    rolled_back,
    stored,
    target_of,
    unsaved,
    work,
)


class Plans(Contract):
    """Tests of plans and previews."""

    def _all_toggles(self) -> dict[str, bool]:
        """Return the toggles that the shop supports and that change a sane order least, all on."""
        names = ("place_target_order", "cancel_source_order", "skip_errors")
        return {name: True for name in names if name not in self.shop().unsupported}

    def test_plan__writes_nothing(self) -> None:
        """A preview leaves every row of every table as it is."""
        order = self.make_order()
        before = database()
        previewed(order, **self._all_toggles())
        written = differences(before, database())
        assert not written, f"plan() wrote: {written[0]}."

    def test_plan__runs_only_select_statements(self) -> None:
        """A preview can run on a read-only replica, and locks nothing."""
        order = self.make_order()
        with CaptureQueriesContext(connection) as queries:
            previewed(order, **self._all_toggles())
        others = [
            query["sql"]
            for query in queries.captured_queries
            if not query["sql"].lstrip("( ").upper().startswith(("SELECT", "WITH", "SET "))
            or "FOR UPDATE" in query["sql"]
        ]
        assert not others, f"plan() ran {others[0]}"

    def test_plan__is_the_same_each_time(self) -> None:
        """The digest of a plan depends on the database and on nothing else."""
        order = self.make_order()
        digests = {previewed(order, **self._all_toggles()).digest for _ in range(3)}
        assert len(digests) == 1, "plan() made different plans for one copy."

    def test_plan__ignores_unsaved_changes_of_the_order(self) -> None:
        """A plan reads the source from the database, not from the instance of the caller."""
        order = self.make_order()
        stale = type(order)(pk=order.pk)
        [plan] = copying.preview_copies([OrderCopy(source_order=stale)])
        assert plan.digest == previewed(order).digest, "plan() planned the order of the caller."

    def test_plan__is_the_same_for_a_requested_copy(self) -> None:
        """A preview, whose copy is unsaved, plans what the worker plans."""
        order = self.make_order()
        [order_copy] = requested(unsaved(order))
        [plan] = self.shop().plan(stored([order_copy]))
        assert plan.digest == previewed(order).digest, "plan() depends on whether a copy is saved."

    def test_plan__is_one_per_copy_in_order(self) -> None:
        """Each copy of a batch gets the plan that it gets alone."""
        orders = [self.make_order() for _ in range(3)]
        alone = [previewed(order).digest for order in orders]
        together = copying.preview_copies([unsaved(order) for order in reversed(orders)])
        assert [plan.digest for plan in reversed(together)] == alone, (
            "plan() plans other copies in a batch than alone, or in another order."
        )

    def test_plan__accepts_one_order_twice_in_a_batch(self) -> None:
        """Two copies of one order are two plans."""
        order = self.make_order()
        plans = copying.preview_copies([unsaved(order), unsaved(order)])
        assert len({plan.digest for plan in plans}) == 1, "plan() plans a second copy differently."

    def test_plan__repeats_what_the_copy_requests(self) -> None:
        """``place``, ``cancel`` and ``skip_errors`` of a plan are the toggles of its copy."""
        order = self.make_order()
        names = self._all_toggles()
        for values in product([False, True], repeat=len(names)):
            toggles = dict(zip(names, values, strict=True))
            plan = previewed(order, **toggles)
            flags = {
                "place_target_order": plan.place,
                "cancel_source_order": plan.cancel,
                "skip_errors": plan.skip_errors,
            }
            assert flags == flags | toggles, f"A plan for {toggles} has the flags {flags}."

    def test_plan__of_an_available_order_completes(self) -> None:
        """Nothing prevents the copy of an order of ``make_order``."""
        plan = previewed(self.make_order(), **self._all_toggles())
        messages = [f"{one.attribute}: {one.message}" for one in plan.problems]
        assert plan.will_complete, f"The copy of a new order has problems: {messages}."

    def test_plan__has_an_outcome_for_each_line(self) -> None:
        """Each line of the source has one outcome, with its own id and a name."""
        plan = previewed(self.make_order())
        lines = [one for one in plan.outcomes if one.attribute == "line_items"]
        ids = [one.source_line_item for one in lines if one.action != Action.ADDED]
        assert ids, "A plan has no outcome for any line."
        assert None not in ids, "An outcome does not say which line it is about."
        assert len(set(ids)) == len(ids), f"Two outcomes are about the same line: {ids}."
        assert all(one.name for one in lines), "An outcome of a line has no name."

    def test_plan__of_an_available_order_is_frozen(self) -> None:
        """Without other options every line is copied as it is."""
        for outcome in previewed(self.make_order()).outcomes:
            assert outcome.action == Action.COPIED, f"{outcome.name} is {outcome.action}."
            assert outcome.before == outcome.after, (
                f"{outcome.name} is copied, but was {outcome.before} and becomes {outcome.after}."
            )

    def test_plan__of_an_available_order_keeps_its_totals(self) -> None:
        """Without other options the target has the totals of the source."""
        plan = previewed(self.make_order())
        assert plan.totals, "A plan has no totals."
        for name, before, after in plan.totals:
            assert before == after, f"{name} was {before} and becomes {after}, of a frozen copy."

    def test_plan__totals_are_cents_of_a_currency(self) -> None:
        """Totals are whole numbers, the same ones of source and target, in a currency."""
        plan = previewed(self.make_order())
        amounts = [*plan.source_totals.values(), *plan.target_totals.values()]
        assert all(type(amount) is int for amount in amounts), f"Totals must be cents: {amounts}."
        assert plan.source_totals.keys() == plan.target_totals.keys(), (
            f"The source has the totals {[*plan.source_totals]}, the target others."
        )
        code = plan.currency_code
        assert len(code) == 3 and code.isupper(), f"{code!r} is no ISO 4217 code."  # noqa: PT018

    def test_plan__adds_up(self) -> None:
        """The totals change by what the outcomes change."""
        assert_adds_up(previewed(self.make_order()))

    def test_plan__outcomes_are_json(self) -> None:
        """The outcomes of a plan can be stored in a JSON field."""
        plan = previewed(self.make_order())
        entries = [outcome.as_json() for outcome in plan.outcomes]
        assert json.loads(json.dumps(entries, cls=DjangoJSONEncoder)), "A plan has no outcomes."

    def test_plan__of_a_deleted_order_raises(self) -> None:
        """A source that does not exist any more is an error, also next to others."""
        other = self.make_order()
        with rolled_back():
            gone = self.make_order()
        with pytest.raises(SourceOrderGoneError):
            copying.preview_copies([unsaved(gone)])
        with pytest.raises(SourceOrderGoneError):
            copying.preview_copies([unsaved(other), unsaved(gone)])

    def test_plan__digest_of_the_preview_is_that_of_the_run(self) -> None:
        """A copy with the digest of its preview does what the preview shows."""
        order = self.make_order()
        order_copy = unsaved(order)
        order_copy.plan_digest = previewed(order).digest
        requested(order_copy)
        work()
        target_of(*stored([order_copy]))

    def test_plan__does_not_depend_on_earlier_calls(self) -> None:
        """An instance that has planned before plans as a new one does."""
        order, shop = self.make_order(), self.shop()
        shop.plan([unsaved(self.make_order()), unsaved(order)])
        [again] = shop.plan([unsaved(order)])
        assert again.digest == previewed(order).digest, "The shop keeps state from an earlier plan."


def assert_adds_up(plan: CopyPlan) -> None:
    """Compare each total with the sum of what the outcomes change, if they show that amount."""
    shown = [(outcome.before or {}, outcome.after or {}) for outcome in plan.outcomes]
    for name, before, after in plan.totals:
        if any(name in values for pair in shown for values in pair):
            changed = sum(new.get(name, 0) - old.get(name, 0) for old, new in shown)
            assert after - before == changed, (
                f"{name} changes by {after - before}, but the outcomes change it by {changed}."
            )
