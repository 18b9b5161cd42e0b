"""A shop that tests can interfere with, as the world outside interferes with a real one."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem, Step
from order_copies.shops import CopyRun
from orders.shop import ReferenceShop

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

    def authorize(self, runs: Sequence[CopyRun]) -> list[Any]:
        self._happens("authorize", runs)
        return super().authorize(runs)

    def void(self, runs: Sequence[CopyRun]) -> None:
        self._happens("void", runs)
        super().void(runs)

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


class ForgetfulShop(ReferenceShop):
    """An adapter that forgets the last plan."""

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        return super().plan(order_copies)[:-1]


class IdleShop(ReferenceShop):
    """An adapter that does not write what it planned."""

    def write(self, runs: Sequence[CopyRun]) -> None:
        pass


class HalfHeartedShop(ReferenceShop):
    """An adapter that places a target and then refuses to cancel its source."""

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        return [[Problem(Step.CANCEL, "source_order", "no", "No.")] for _ in runs]
