"""Tests of the number of queries: the same for one copy and for many, of few lines and of many."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.shops import Capability
from order_copies.testing.base import Contract, needs
from order_copies.testing.steps import (
    copied,
    copied_together,
    growth,
    queries_of,
    target_of,
    unsaved,
)


class Queries(Contract):
    """Tests of each method with one and with five copies, and with one more and five more lines."""

    def test_plan__query_count_is_constant(self) -> None:
        """``plan`` runs no more queries for five copies than for one."""
        self._assert_constant("plan")

    def test_write__query_count_is_constant(self) -> None:
        """``write`` runs no more queries for five copies than for one."""
        self._assert_constant("write")

    @needs(Capability.PLACE)
    def test_payments__query_count_is_constant(self) -> None:
        """``payments`` runs no more queries for five copies than for one."""
        self._assert_constant("payments", place_target_order=True)

    @needs(Capability.PLACE)
    def test_place__query_count_is_constant(self) -> None:
        """``place`` runs no more queries for five copies than for one."""
        self._assert_constant("place", place_target_order=True)

    @needs(Capability.CANCEL)
    def test_cancel__query_count_is_constant(self) -> None:
        """``cancel`` runs no more queries for five copies than for one."""
        self._assert_constant("cancel", cancel_source_order=True)

    @needs(Capability.CANCEL)
    def test_write__query_count_is_constant_with_sources_to_cancel(self) -> None:
        """``write`` locks and compares five sources with as many queries as one."""
        self._assert_constant("write", cancel_source_order=True)

    @needs(Capability.PLACE, Capability.CANCEL)
    def test_swap__query_count_is_constant(self) -> None:
        """``place`` and ``cancel`` swap five orders with as many queries as one."""
        for method in ("place", "cancel"):
            self._assert_constant(method, place_target_order=True, cancel_source_order=True)

    @needs("add_line")
    def test_plan__query_count_does_not_depend_on_lines(self) -> None:
        """``plan`` runs no more queries for five more lines than for one."""
        self._assert_independent_of_lines("plan")

    @needs("add_line")
    def test_write__query_count_does_not_depend_on_lines(self) -> None:
        """``write`` runs no more queries for five more lines than for one."""
        self._assert_independent_of_lines("write")

    @needs("add_line", Capability.PLACE)
    def test_place__query_count_does_not_depend_on_lines(self) -> None:
        """``place`` runs no more queries for five more lines than for one."""
        self._assert_independent_of_lines("place", place_target_order=True)

    @needs("add_line", Capability.CANCEL)
    def test_cancel__query_count_does_not_depend_on_lines(self) -> None:
        """``cancel`` runs no more queries for five more lines than for one."""
        self._assert_independent_of_lines("cancel", cancel_source_order=True)

    def test_describe__query_count_is_constant(self) -> None:
        """``describe`` describes each order, and runs no more queries for five than for one."""
        counts: list[list[str]] = []
        for number in (1, 5):
            orders = [self.make_order() for _ in range(number)]
            with CaptureQueriesContext(connection) as captured:
                described = self.shop().describe(orders)
            assert len(described) == number, f"describe() described {len(described)} orders."
            counts.append([query["sql"] for query in captured.captured_queries])
        growing = growth("describe", counts[0], counts[1], "order")
        assert not growing, growing

    def _assert_constant(self, method: str, **toggles: bool) -> None:
        few, many = [self.make_order()], [self.make_order() for _ in range(5)]
        self._compare(method, few, many, "copy", toggles)

    def _assert_independent_of_lines(self, method: str, **toggles: bool) -> None:
        few, many = self.make_order(), self.make_order()
        self.add_line(few)
        for _ in range(5):
            self.add_line(many)
        self._compare(method, [few], [many], "more line", toggles)

    def _compare(
        self, method: str, few: list[Any], many: list[Any], more: str, toggles: dict[str, bool]
    ) -> None:
        copied(self.make_order(), **toggles)  # fills caches
        counts = [
            queries_of(self.shop(), self._copying(orders, toggles))[method]
            for orders in (few, many)
        ]
        growing = growth(method, counts[0], counts[1], more)
        assert not growing, growing

    def _copying(self, orders: list[Any], toggles: dict[str, bool]) -> Callable[[], None]:
        def run() -> None:
            for order_copy in copied_together(*(unsaved(order, **toggles) for order in orders)):
                target_of(order_copy)

        return run
