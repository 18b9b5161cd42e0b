"""Tests of ``Shop.place`` and of payments."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from order_copies.models import OpenPayment, Status
from order_copies.plans import Problem, Step
from order_copies.shops import Capability, CopyRun
from order_copies.testing.base import Contract, needs
from order_copies.testing.rows import Row, differences, late_difference
from order_copies.testing.steps import (
    after_first,
    around,
    copied,
    copied_together,
    ending,
    is_refused,
    target_of,
    unsaved,
)


class Placements(Contract):
    """Tests of copies that place their target."""

    @needs(Capability.PLACE)
    def test_place__completes(self) -> None:
        """A copy of an order of ``make_order`` can be placed."""
        target_of(copied(self.make_order(), place_target_order=True))

    @needs(Capability.PLACE)
    def test_place__places_the_target(self) -> None:
        """A placed target differs from those that were not placed."""
        order = self.make_order()
        plain = self._plain_states(order)
        placed = self._state(target_of(copied(order, place_target_order=True)))
        assert late_difference(*plain, placed), (
            "place() changes nothing: a target that is not placed equals it."
        )

    def _plain_states(self, order: Any) -> tuple[Row, Row]:
        """Return the states of two targets that are not placed."""
        return self._state(target_of(copied(order))), self._state(target_of(copied(order)))

    def _state(self, order: Any) -> Row:
        """Return the row of an order, and how many rows refer to it."""
        belongings = self.belongings(order)
        [row] = belongings[self.shop().order_model].values()
        return row | {model._meta.label: len(found) for model, found in belongings.items()}

    @needs(Capability.PLACE)
    def test_place__each_copy_of_a_batch_is_placed(self) -> None:
        """Copies of one order and of others are placed together."""
        order = self.make_order()
        orders = [order, order, self.make_order()]
        copies = [unsaved(one, place_target_order=True) for one in orders]
        targets = {target_of(one).pk for one in copied_together(*copies)}
        assert len(targets) == 3, f"place() placed {len(targets)} targets for 3 copies."

    @needs(Capability.PLACE)
    def test_place__leaves_the_source_unchanged(self) -> None:
        """Placing a copy takes nothing from an order that stays."""
        order = self.make_order()
        before = self.belongings(order)
        target_of(copied(order, place_target_order=True))
        changed = differences(before, self.belongings(order))
        assert not changed, f"place() changed the source: {changed[0]}."

    @needs(Capability.PLACE)
    def test_place__leaves_other_orders_unchanged(self) -> None:
        """Placing a copy changes no row of another order."""
        order, other = self.make_order(), self.make_order()
        before = self.belongings(other)
        target_of(copied(order, place_target_order=True))
        changed = differences(before, self.belongings(other))
        assert not changed, f"place() changed another order: {changed[0]}."

    @needs(Capability.PLACE)
    def test_place__copy_of_a_placed_target_can_be_placed(self) -> None:
        """What placing did to the source does not travel."""
        target = target_of(copied(self.make_order(), place_target_order=True))
        target_of(copied(target, place_target_order=True))

    @needs(Capability.PLACE)
    def test_place__crash_leaves_nothing_placed(self) -> None:
        """What was placed is rolled back if the attempt crashes; the next one places it once."""
        order = self.make_order()
        crashes = [RuntimeError("The worker crashes after place().")]

        def crash_once(call: Any, _runs: Any) -> Any:
            answer = call()
            if crashes:
                raise crashes.pop()
            return answer

        with around(self.shop(), "place", crash_once):
            target_of(copied(order, place_target_order=True))

    @needs(Capability.PLACE)
    def test_payments__are_json(self) -> None:
        """What must be authorized can be stored, and is None where nothing is due."""
        seen: list[Any] = []

        def see(call: Any, _runs: Any) -> Any:
            seen.extend(answers := call())
            return answers

        with around(self.shop(), "payments", see):
            target_of(copied(self.make_order(), place_target_order=True))
        details = [payment for payment in seen if payment is not None]
        text = json.dumps(details, cls=DjangoJSONEncoder)
        assert json.loads(text) == details, f"payments() returned {details}, which JSON changes."

    @needs(Capability.PLACE)
    def test_authorize__can_be_called_again(self) -> None:
        """After a crash the same payments are authorized again, with the same keys."""

        def call_twice(call: Any, payments: Any) -> Any:
            list(call())
            answers = list(call())
            assert len(answers) == len(payments), (
                f"authorize() returned {len(answers)} answers for {len(payments)} payments."
            )
            return answers

        with around(self.shop(), "authorize", call_twice):
            target_of(copied(self.make_order(), place_target_order=True))

    @needs(Capability.PLACE)
    def test_void__voids_the_payment_of_a_copy_that_failed(self) -> None:
        """``void`` takes the payments of targets that were not placed, also twice."""

        def refuse(_call: Any, runs: list[CopyRun]) -> list[list[Problem]]:
            return [[Problem(Step.PLACE, "status", "refused", "is refused")] for _ in runs]

        def call_twice(call: Any, _payments: Any) -> None:
            call()
            call()

        with around(self.shop(), "place", refuse), around(self.shop(), "void", call_twice):
            order_copy = copied(self.make_order(), place_target_order=True)
        assert order_copy.status == Status.FAILED, f"A refused copy {ending(order_copy)}."
        assert not OpenPayment.objects.exists(), "void() left a payment open."

    @needs(Capability.PLACE, "leave_last_pieces")
    def test_place__never_sells_a_piece_twice(self) -> None:
        """A copy that is not a swap cannot have what its source holds."""
        order = self.make_order()
        self.leave_last_pieces(order)
        order_copy = copied(order, place_target_order=True)
        assert order_copy.status == Status.FAILED, (
            f"The pieces of an order were sold twice: the copy {ending(order_copy)}."
        )
        assert order_copy.errors_count, "A copy that lacks stock failed without a reason."

    @needs(Capability.PLACE, "leave_last_pieces")
    def test_place__refuses_what_was_sold_since_the_plan(self) -> None:
        """``place`` looks again whether the pieces are there, and leaves a refused target alone."""
        order = self.make_order()
        plain = self._plain_states(order)
        with around(self.shop(), "plan", after_first(lambda: self.leave_last_pieces(order))):
            order_copy = copied(order, place_target_order=True)
        assert is_refused(order_copy), (
            "Pieces that were sold between plan and place were sold again: the copy "
            f"{ending(order_copy)}."
        )
        for target in filter(None, [order_copy.target_order]):
            changed = late_difference(*plain, self._state(target))
            assert not changed, f"place() refused a target, but changed it: it{changed}."

    @needs(Capability.PLACE, "make_unavailable")
    def test_place__unavailable_order_is_not_placed(self) -> None:
        """A copy of which a line is unavailable fails, and nothing is placed."""
        order = self.make_order()
        self.make_unavailable(order)
        order_copy = copied(order, place_target_order=True)
        assert order_copy.status == Status.FAILED, f"An incomplete copy {ending(order_copy)}."
