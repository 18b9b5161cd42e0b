"""Tests of ``Shop.cancel``, and of swaps, which place the target and cancel the source."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import connection

from order_copies.models import OrderFactory, Status
from order_copies.shops import Capability
from order_copies.testing.base import Contract, needs
from order_copies.testing.rows import differences
from order_copies.testing.steps import (
    after_first,
    around,
    completed,
    copied,
    copied_together,
    ending,
    is_refused,
    queries_of,
    requested,
    stored,
    target_of,
    unsaved,
    work,
)
from order_copies.worker.run import run_batch

CANCEL = {"cancel_source_order": True}
SWAP = {"place_target_order": True, "cancel_source_order": True}


class Cancellations(Contract):
    """Tests of copies that cancel their source."""

    @needs(Capability.CANCEL)
    def test_cancel__completes(self) -> None:
        """An order of ``make_order`` can be cancelled."""
        target_of(copied(self.make_order(), **CANCEL))

    @needs(Capability.CANCEL)
    def test_cancel__cancels_the_source(self) -> None:
        """A cancelled source differs from what it was."""
        order = self.make_order()
        before = self.belongings(order)
        target_of(copied(order, **CANCEL))
        changed = differences(before, self.belongings(order))
        assert changed, "cancel() changes no row of the source."

    @needs(Capability.CANCEL)
    def test_cancel__leaves_the_contents_of_the_source(self) -> None:
        """A cancelled order keeps its lines and all that is declared as copied."""
        order = self.make_order()
        before = list(self.copied_contents(order, of_source=True))
        target_of(copied(order, **CANCEL))
        after = list(self.copied_contents(order, of_source=True))
        assert before == after, "cancel() changed what the source ordered."

    @needs(Capability.CANCEL)
    def test_cancel__leaves_other_orders_unchanged(self) -> None:
        """Cancelling a source changes no row of another order."""
        order, other = self.make_order(), self.make_order()
        before = self.belongings(other)
        target_of(copied(order, **CANCEL))
        changed = differences(before, self.belongings(other))
        assert not changed, f"cancel() changed another order: {changed[0]}."

    @needs(Capability.CANCEL)
    def test_cancel__refuses_a_cancelled_source(self) -> None:
        """A source is cancelled once: a second copy fails with a reason."""
        order = self.make_order()
        target_of(copied(order, **CANCEL))
        before = self.belongings(order)
        order_copy = copied(order, **CANCEL)
        assert order_copy.status != Status.COMPLETED, (
            "cancel() cancelled a cancelled order: the copy completed."
        )
        assert is_refused(order_copy), f"The second copy {ending(order_copy)}, without a reason."
        changed = differences(before, self.belongings(order))
        assert not changed, f"A refused copy changed the source: {changed[0]}."

    @needs(Capability.CANCEL)
    def test_cancel__only_one_of_two_copies_in_a_batch(self) -> None:
        """A source is cancelled by one copy of a batch."""
        order = self.make_order()
        _assert_one_completes(
            copied_together(*(unsaved(order, **CANCEL) for _ in range(2))),
            "Two copies of a batch cancelled one order",
        )

    @needs(Capability.CANCEL)
    def test_cancel__only_one_of_two_workers(self) -> None:
        """A source that another worker cancels between plan and write is not cancelled again."""
        order = self.make_order()
        _assert_one_completes(self._two_workers(order, CANCEL), "Two workers cancelled one order")

    def _two_workers(self, order: Any, toggles: dict[str, bool]) -> list[OrderFactory]:
        """Run a second copy of an order between the plan and the write of the first one."""
        order_copies = requested(*(unsaved(order, **toggles) for _ in range(2)))
        other_worker = partial(run_batch, "another worker")
        with around(self.shop(), "plan", after_first(other_worker)):
            run_batch("the worker", limit=1)
        work()
        return stored(order_copies)

    @needs(Capability.CANCEL)
    def test_cancel__locks_the_source(self) -> None:
        """``write`` locks the source that ``cancel`` will cancel, where the database can."""
        order = self.make_order()
        statements = queries_of(self.shop(), lambda: target_of(copied(order, **CANCEL)))["write"]
        table = re.escape(connection.ops.quote_name(self.shop().order_model._meta.db_table))
        lock = re.compile(rf"^UPDATE {table}|FROM {table}.* FOR (NO KEY )?UPDATE", re.DOTALL)
        is_locked = any(lock.search(statement) for statement in statements)
        assert is_locked or not connection.features.has_select_for_update, (
            "write() does not lock the source that will be cancelled."
        )

    @needs(Capability.CANCEL)
    def test_cancel__crash_leaves_the_source(self) -> None:
        """A source is cancelled in the transaction that ends the copy, and only there."""
        order = self.make_order()
        before = self.belongings(order)
        seen: list[list[str]] = []

        def crash_once(call: Callable[[], Any], _runs: Any) -> Any:
            answer = call()
            if not seen:
                seen.append([])
                raise RuntimeError
            return answer

        def look(call: Callable[[], Any], _order_copies: Any) -> Any:
            seen.extend([differences(before, self.belongings(order))] if seen else [])
            return call()

        with around(self.shop(), "cancel", crash_once), around(self.shop(), "plan", look):
            target_of(copied(order, **CANCEL))
        assert not any(seen), f"A crash left the source changed: {seen}."

    @needs(Capability.CANCEL)
    def test_cancel__copy_of_a_cancelled_order_is_not_cancelled(self) -> None:
        """The copy of a cancelled order can be cancelled itself."""
        order = self.make_order()
        target_of(copied(order, **CANCEL))
        for target in completed(copied(order)):
            target_of(copied(target, **CANCEL))

    @needs(Capability.CANCEL, "add_line")
    def test_cancel__target_has_what_was_added_to_its_source_meanwhile(self) -> None:
        """A source that changes between plan and write is copied with the change, or stays."""
        order = self.make_order()
        with around(self.shop(), "plan", after_first(lambda: self.add_line(order))):
            order_copy = copied(order, **CANCEL)
        source = self._counts(order)
        for target in map(self._counts, completed(order_copy)):
            assert source == target, (
                f"write() lost a change of a source that was cancelled: it has {source}, its "
                f"target {target}."
            )

    def _counts(self, order: Any) -> dict[str, int]:
        return {model._meta.label: len(found) for model, found in self.contents(order).items()}


class Swaps(Cancellations):
    """Tests of copies that place their target and cancel their source."""

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__completes(self) -> None:
        """The target is placed and the source cancelled."""
        order = self.make_order()
        before = self.belongings(order)
        target_of(copied(order, **SWAP))
        assert differences(before, self.belongings(order)), "A swap did not cancel its source."

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__can_be_repeated(self) -> None:
        """The target of a swap can be swapped in turn."""
        order = self.make_order()
        for _ in range(3):
            order = target_of(copied(order, **SWAP))

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__refuses_a_cancelled_source(self) -> None:
        """A source that cannot be cancelled prevents placing: ``place`` returns the problem."""
        order = self.make_order()
        target_of(copied(order, **CANCEL))
        order_copy = copied(order, **SWAP)
        assert is_refused(order_copy), f"The swap of a cancelled order {ending(order_copy)}."

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__only_one_of_two_copies_in_a_batch(self) -> None:
        """One order is swapped once in a batch."""
        order = self.make_order()
        _assert_one_completes(
            copied_together(*(unsaved(order, **SWAP) for _ in range(2))),
            "Two copies of a batch swapped one order",
        )

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__only_one_of_two_workers(self) -> None:
        """An order that another worker swaps between plan and write is not swapped again."""
        order = self.make_order()
        _assert_one_completes(self._two_workers(order, SWAP), "Two workers swapped one order")

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__leaves_other_orders_unchanged(self) -> None:
        """A swap takes nothing from another order."""
        order, other = self.make_order(), self.make_order()
        before = self.belongings(other)
        target_of(copied(order, **SWAP))
        changed = differences(before, self.belongings(other))
        assert not changed, f"A swap changed another order: {changed[0]}."

    @needs(Capability.PLACE, Capability.CANCEL, "leave_last_pieces")
    def test_swap__keeps_the_last_piece(self) -> None:
        """What the source holds counts as available to its target, however often."""
        order = self.make_order()
        self.leave_last_pieces(order)
        for _ in range(2):
            order_copy = copied(order, **SWAP)
            assert order_copy.status == Status.COMPLETED, (
                f"A swap lost the last piece: the copy {ending(order_copy)}."
            )
            order = order_copy.target_order

    @needs(Capability.PLACE, Capability.CANCEL, "leave_last_pieces")
    def test_swap__keeps_the_last_piece_among_rivals(self) -> None:
        """Other copies of a batch cannot have the last piece, before or after the swap."""
        order = self.make_order()
        self.leave_last_pieces(order)
        first, swap, last = copied_together(
            unsaved(order, place_target_order=True),
            unsaved(order, **SWAP),
            unsaved(order, place_target_order=True),
        )
        assert swap.status == Status.COMPLETED, f"A swap among rivals {ending(swap)}."
        for rival in (first, last):
            assert is_refused(rival), f"A rival of a swap for the last piece {ending(rival)}."

    @needs(Capability.PLACE, Capability.CANCEL, "leave_last_pieces")
    def test_swap__keeps_the_last_piece_while_another_worker_wants_it(self) -> None:
        """A rival that runs between plan and write of a swap cannot have the last piece."""
        order = self.make_order()
        self.leave_last_pieces(order)
        order_copies = requested(unsaved(order, **SWAP), unsaved(order, place_target_order=True))
        other_worker = partial(run_batch, "another worker")
        with around(self.shop(), "plan", after_first(other_worker)):
            run_batch("the worker", limit=1)
        work()
        swap, rival = stored(order_copies)
        assert swap.status == Status.COMPLETED, f"A swap lost the last piece: it {ending(swap)}."
        assert is_refused(rival), f"A rival of a swap for the last piece {ending(rival)}."


def _assert_one_completes(order_copies: Sequence[OrderFactory], otherwise: str) -> None:
    completed = [one for one in order_copies if one.status == Status.COMPLETED]
    assert len(completed) < 2, f"{otherwise}: both copies completed."
    assert completed, f"Neither of two copies completed: one {ending(order_copies[0])}."
    [other] = [one for one in order_copies if one not in completed]
    assert is_refused(other), f"The other copy {ending(other)}, without a reason of the shop."
