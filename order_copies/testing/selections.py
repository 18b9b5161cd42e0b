"""Tests of copies that take some of the lines, or other quantities of them."""

from typing import Any

import pytest

from order_copies import copying
from order_copies.exceptions import ChangesRefusedError
from order_copies.models import OrderCopy
from order_copies.plans import Action, CopyPlan
from order_copies.shops import Capability
from order_copies.testing.base import Contract, needs
from order_copies.testing.plans import assert_adds_up
from order_copies.testing.steps import copied_together, growth, previewed, queries_of, target_of


class Selections(Contract):
    """Tests of ``line_items``: the first line of an order of ``make_order`` sells something."""

    @needs(Capability.LINES)
    def test_line_items__others_are_left_out_without_a_problem(self) -> None:
        """Lines that are not named are left out, which is no problem, and the totals follow."""
        plan = planned(taking(self.make_order()))
        first, second, *_others = plan.outcomes
        assert first.action == Action.COPIED, f"A requested line is {first.action}."
        assert second.action == Action.SKIPPED, f"A line that is left out is {second.action}."
        assert second.code and second.message, "A line is left out without a reason."  # noqa: PT018
        assert_adds_up(plan)

    @needs(Capability.LINES)
    def test_line_items__quantity_is_that_of_the_line(self) -> None:
        """A line has the requested quantity, and the totals follow."""
        plan = planned(taking(self.make_order(), quantity=3))
        quantity = (plan.outcomes[0].after or {}).get("quantity")
        assert quantity == 3, f"Of a line 3 pieces are requested, and {quantity} are planned."
        assert_adds_up(plan)

    @needs(Capability.LINES)
    def test_line_items__target_has_what_was_planned(self) -> None:
        """The target has the requested line, and no other of those that could be requested."""
        order = self.make_order()
        order_copy = taking(order, quantity=3)
        plan = planned(order_copy)
        [ended] = copied_together(order_copy)
        again = previewed(target_of(ended))
        found = [line.before for line in again.outcomes if line.attribute == "line_items"]
        assert found == [line.after for line in plan.lines], (
            f"A target has the lines {found}, and not those that were planned."
        )

    @needs(Capability.LINES)
    def test_line_items__unknown_line_is_refused(self) -> None:
        """A line of another order is refused before the copy is requested."""
        order_copy = taking(self.make_order())
        order_copy.source_order_id = self.make_order().pk
        with pytest.raises(ChangesRefusedError):
            planned(order_copy)

    @needs(Capability.LINES)
    def test_line_items__query_count_is_constant(self) -> None:
        """``plan`` runs no more queries for five copies of some lines than for one."""
        orders = [self.make_order() for _ in range(6)]

        def queries(*taken: Any) -> list[str]:
            copies = [taking(order) for order in taken]
            return queries_of(self.shop(), lambda: copying.preview_copies(copies))["plan"]

        slower = growth("plan", queries(orders[0]), queries(*orders[1:]), "copy")
        assert not slower, slower


def taking(order: Any, **request: Any) -> OrderCopy:
    """Return an unsaved copy that takes the first line of an order."""
    first = previewed(order).outcomes[0].source_line_item
    [order_copy] = copying.unsaved([order.pk], line_items=[{"id": first, **request}])
    return order_copy


def planned(order_copy: OrderCopy) -> CopyPlan:
    """Return the plan of an unsaved copy, which must complete."""
    [plan] = copying.preview_copies([order_copy])
    messages = [one.message for one in plan.problems]
    assert plan.will_complete, f"The copy of some lines has problems: {messages}."
    return plan
