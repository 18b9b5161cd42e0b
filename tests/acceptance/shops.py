"""Shops of tests: the reference shop with hooks, and a shop that can only copy orders."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem
from order_copies.shops import CopyRun, Payment, Shop
from orders.copying.shop import ReferenceShop

PATH = "tests.acceptance.shops.InterferedShop"


class InterferedShop(ReferenceShop):
    """The reference shop, with a hook for each method.

    The hooks of ``plan``, ``authorize`` and ``void`` are called before the method, those of
    ``write``, ``place`` and ``cancel`` after it. A hook receives the method's argument, and may
    raise.
    """

    #: The hook of each method, by the method's name.
    before: ClassVar[dict[str, Callable[[Any], Any]]] = {}
    #: Name and argument of every call, in order.
    calls: ClassVar[list[tuple[str, list[Any]]]] = []

    def _call_hook(self, method: str, subjects: Sequence[Any]) -> None:
        self.calls.append((method, list(subjects)))
        if method in self.before:
            self.before[method](subjects)

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        self._call_hook("plan", order_copies)
        return super().plan(order_copies)

    def authorize(self, payments: Sequence[Payment]) -> Sequence[Any] | Iterator[Any]:
        self._call_hook("authorize", payments)
        return super().authorize(payments)

    def void(self, payments: Sequence[Payment]) -> None:
        self._call_hook("void", payments)
        super().void(payments)

    @classmethod
    def voided(cls) -> list[str]:
        """Return the keys of the voided payments, without the digest of their details."""
        calls = [payments for method, payments in cls.calls if method == "void"]
        return [payment.key.rpartition("/")[0] for payments in calls for payment in payments]

    def write(self, runs: Sequence[CopyRun]) -> None:
        super().write(runs)
        self._call_hook("write", runs)

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        results = super().place(runs)
        self._call_hook("place", runs)
        return results

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        results = super().cancel(runs)
        self._call_hook("cancel", runs)
        return results


class CopyingShop(Shop):
    """A shop with the orders of the reference shop that can copy them, and nothing else."""

    reference_shop = ReferenceShop()

    def orders_for(self, request: Any) -> Any:
        return self.reference_shop.orders_for(request)

    def find_order(self, text: str) -> Any:
        return self.reference_shop.find_order(text)

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        return self.reference_shop.plan(order_copies)

    def write(self, runs: Sequence[CopyRun]) -> None:
        self.reference_shop.write(runs)
