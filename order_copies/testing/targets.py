"""Tests of ``Shop.write``: the target is what was planned, and the source stays as it is."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from order_copies.shops import Capability, CopiedModel
from order_copies.testing import rows
from order_copies.testing.base import Contract, needs
from order_copies.testing.rows import differences
from order_copies.testing.steps import (
    around,
    completed,
    copied,
    copied_together,
    ending,
    previewed,
    target_of,
    unsaved,
)


class Targets(Contract):
    """Tests of the target orders."""

    def test_copy__completes(self) -> None:
        """The copy of an order of ``make_order`` completes, without errors, and has a target."""
        order_copy = copied(self.make_order())
        target_of(order_copy)
        assert not order_copy.errors_log, f"A copy {ending(order_copy)}."

    def test_copy__does_what_its_preview_shows(self) -> None:
        """The outcomes of the run are those of the preview."""
        order = self.make_order()
        shown = [(one.action, one.source_line_item) for one in previewed(order).outcomes]
        ran = [(one["action"], one["source_line_item"]) for one in copied(order).outcomes]
        assert ran == shown, f"The run did {ran}, the preview showed {shown}."

    def test_write__target_is_one_new_order(self) -> None:
        """A copy adds one order."""
        order = self.make_order()
        known = self._order_keys()
        target = target_of(copied(order))
        new = self._order_keys() - known
        assert new == {target.pk}, f"write() wrote {len(new)} orders for one copy."

    def test_write__each_copy_has_its_own_target(self) -> None:
        """Copies of one order in one batch have different targets."""
        order = self.make_order()
        order_copies = copied_together(*(unsaved(order) for _ in range(3)))
        targets = {target_of(order_copy).pk for order_copy in order_copies}
        assert len(targets) == 3, f"write() wrote {len(targets)} targets for 3 copies."

    def test_write__lines_have_ids_of_their_own(self) -> None:
        """Each line of the target has an id, another one than the line of the source."""
        lines = [one for one in copied(self.make_order()).outcomes if one["target_line_item"]]
        ids = [one["target_line_item"] for one in lines]
        sources = {one["source_line_item"] for one in lines}
        assert ids, "write() set no target_line_items."
        assert len(set(ids)) == len(ids), f"write() gave two lines the same id: {ids}."
        assert not sources & set(ids), "write() set the ids of the source's lines."

    def test_write__rows_are_as_many_as_those_of_the_source(self) -> None:
        """The target has as many lines and other rows as the source."""
        order = self.make_order()
        before, after = self.contents(order), self.contents(target_of(copied(order)))
        for model, found in before.items():
            assert len(after[model]) == len(found), (
                f"write() wrote {len(after[model])} rows of {model._meta.label} where the source "
                f"has {len(found)}."
            )

    def test_write__copied_fields_equal_those_of_the_source(self) -> None:
        """Each field that is declared as copied has the value of the source."""
        order = self.make_order()
        self._assert_copied(order, target_of(copied(order)))

    def test_write__each_target_of_a_batch_has_the_fields_of_its_own_source(self) -> None:
        """No target gets lines or values of another order of the batch."""
        orders = [self.make_order() for _ in range(3)]
        order_copies = copied_together(*map(unsaved, orders))
        for order, order_copy in zip(orders, order_copies, strict=True):
            self._assert_copied(order, target_of(order_copy))

    def _assert_copied(self, source: Any, target: Any) -> None:
        pairs = zip(
            self.copied_contents(source, of_source=True),
            self.copied_contents(target, of_source=False),
            strict=True,
        )
        for (label, expected), (_label, found) in pairs:
            assert len(found) == len(expected), (
                f"write() wrote {len(found)} rows of {label} where the source has {len(expected)}."
            )
            for before, after in zip(expected, found, strict=True):
                difference = rows.difference_of(before, after)
                assert not difference, f"write() did not copy {label}{difference}."

    def test_write__shares_no_row_with_the_source(self) -> None:
        """The target refers to rows of its own, not to lines or addresses of the source."""
        order = self.make_order()
        before, after = self.contents(order), self.contents(target_of(copied(order)))
        for model in before:
            name = model._meta.pk.attname
            shared = {row[name] for row in before[model]} & {row[name] for row in after[model]}
            assert not shared, f"Source and target share {model._meta.label} {shared}."

    def test_write__reset_fields_do_not_travel(self) -> None:
        """A field that is declared as reset has another value than in the source, or a default."""
        order = self.make_order()
        before, after = self.contents(order), self.contents(target_of(copied(order)))
        for copied_model in self.shop().copied_models:
            model = copied_model.model
            for source, target in zip(before[model], after[model], strict=False):
                for name in copied_model.reset:
                    assert not _travelled(copied_model, name, source[name], target[name]), (
                        f"{model._meta.label}.{name} is declared as reset, but {target[name]!r} "
                        "travelled to the target."
                    )

    @needs(Capability.CANCEL)
    def test_write__what_happened_to_the_source_does_not_travel(self) -> None:
        """A copy of a cancelled order equals a copy that was made before."""
        order = self.make_order()
        first, second = (self.contents(target_of(copied(order))) for _ in range(2))
        target_of(copied(order, cancel_source_order=True))
        for target in completed(copied(order)):
            third = self.contents(target)
            for model in first:
                for states in zip(first[model], second[model], third[model], strict=False):
                    difference = rows.late_difference(*states)
                    assert not difference, (
                        f"The status of a cancelled order travels: {model._meta.label}{difference}."
                    )

    def test_write__copy_of_a_copy_equals_the_copy(self) -> None:
        """Copying changes nothing, however often."""
        first = target_of(copied(self.make_order()))
        second = target_of(copied(first))
        before, after = self.contents(first), self.contents(second)
        for copied_model in self.shop().copied_models:
            model, names = copied_model.model, [*copied_model.copied, *copied_model.recomputed]
            for one, two in zip(before[model], after[model], strict=False):
                difference = rows.difference_of(
                    {name: one[name] for name in names}, {name: two[name] for name in names}
                )
                assert not difference, (
                    f"The copy of a copy is another one: {model._meta.label}{difference}."
                )

    def test_write__writes_what_was_planned(self) -> None:
        """A plan of the target shows the totals and lines that the plan of the source showed."""
        order = self.make_order()
        plan = previewed(order)
        again = previewed(target_of(copied(order)))
        assert again.source_totals == plan.target_totals, (
            f"write() wrote the totals {again.source_totals}, the plan has {plan.target_totals}."
        )
        planned = [dict(line.after or {}) for line in plan.lines]
        written = [dict(line.before or {}) for line in again.outcomes if line.writes_a_line]
        assert written == planned, f"write() wrote the lines {written}, the plan has {planned}."

    def test_write__crash_leaves_nothing(self) -> None:
        """What was written is rolled back if the attempt crashes; the next one writes it once."""
        order = self.make_order()
        known = self._order_keys()
        crashes = [RuntimeError("The worker crashes after write().")]

        def crash_once(call: Any, _runs: Any) -> None:
            call()
            if crashes:
                raise crashes.pop()

        with around(self.shop(), "write", crash_once):
            target = target_of(copied(order))
        new = self._order_keys() - known
        assert new == {target.pk}, f"A crash after write() left {len(new)} orders instead of one."

    def test_write__leaves_the_source_unchanged(self) -> None:
        """A copy that does not cancel its source changes no row that belongs to it."""
        order = self.make_order()
        before = self.belongings(order)
        target_of(copied(order))
        changed = differences(before, self.belongings(order))
        assert not changed, f"write() changed the source: {changed[0]}."

    def test_write__leaves_other_orders_unchanged(self) -> None:
        """A copy changes no row of an order that it does not name."""
        order, other = self.make_order(), self.make_order()
        before = self.belongings(other)
        target_of(copied(order))
        changed = differences(before, self.belongings(other))
        assert not changed, f"write() changed another order: {changed[0]}."

    def test_write__copy_of_a_target_leaves_the_target_unchanged(self) -> None:
        """A target is an order like any other: its own copy does not change it."""
        target = target_of(copied(self.make_order()))
        before = self.belongings(target)
        target_of(copied(target))
        changed = differences(before, self.belongings(target))
        assert not changed, f"The copy of a target changed it: {changed[0]}."

    def _order_keys(self) -> set[Any]:
        return set(self.shop().order_model._base_manager.values_list("pk", flat=True))


def _travelled(declaration: CopiedModel, name: str, source: Any, target: Any) -> bool:
    """Return whether a reset value came from the source: it is equal, and not by chance."""
    field = next(one for one in declaration.model._meta.concrete_fields if one.attname == name)
    first_values = declaration.reset if isinstance(declaration.reset, Mapping) else {}
    by_chance = (None, "", field.default, first_values.get(name))
    is_day = isinstance(source, date) and not isinstance(source, datetime)
    return source == target and source not in by_chance and not is_day
