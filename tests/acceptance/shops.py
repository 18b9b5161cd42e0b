"""A shop that tests can interfere with, as the world outside interferes with a real one."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem
from order_copies.shops import CopyRun, Payment
from orders.copying.shop import ReferenceShop

PATH = "tests.acceptance.shops.InterferedShop"


class InterferedShop(ReferenceShop):
    """The reference shop; before each of its methods runs, something may happen."""

    #: What happens before (or instead of) a method, by its name.
    before: ClassVar[dict[str, Callable[[Any], Any]]] = {}
    calls: ClassVar[list[tuple[str, list[Any]]]] = []

    def _happens(self, method: str, subjects: Sequence[Any]) -> None:
        self.calls.append((method, list(subjects)))
        if method in self.before:
            self.before[method](subjects)

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        self._happens("plan", order_copies)
        return super().plan(order_copies)

    def authorize(self, payments: Sequence[Payment]) -> Sequence[Any] | Iterator[Any]:
        self._happens("authorize", payments)
        return super().authorize(payments)

    def void(self, payments: Sequence[Payment]) -> None:
        self._happens("void", payments)
        super().void(payments)

    @classmethod
    def voided(cls) -> list[str]:
        """The keys of the copies' payments that were given back, without what they stand for."""
        calls = [payments for method, payments in cls.calls if method == "void"]
        return [payment.key.rpartition("/")[0] for payments in calls for payment in payments]

    def write(self, runs: Sequence[CopyRun]) -> None:
        super().write(runs)
        self._happens("write", runs)

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        answers = super().place(runs)
        self._happens("place", runs)
        return answers

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        answers = super().cancel(runs)
        self._happens("cancel", runs)
        return answers
