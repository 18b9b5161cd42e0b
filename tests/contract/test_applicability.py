"""Which tests of the contract a shop gets, and how shops that refuse more pass them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem, Step
from order_copies.shops import Capability, get_shop
from order_copies.testing import ShopContract
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests.contract.test_reference_shop import ReferenceShopContract


class CopyingShop(ReferenceShop):
    """A shop that copies, and cancels, but does not place."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.CANCEL})


class StrictShop(ReferenceShop):
    """A shop that copies no cancelled order, and writes no target that it will not place."""

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        plans = super().plan(order_copies)
        for plan in plans:
            problems = [one.message for one in plan.problems]
            if plan.row.source.status == Order.Status.CANCELLED or problems:
                plan.problems.append(Problem(Step.WRITE, "source_order", "no", "is not copied"))
        return plans


class Minimal(ShopContract):
    shop_class = CopyingShop

    def make_order(self) -> Any:
        return Order()


class WithHook(Minimal):
    def add_line(self, order: Any) -> None:
        del order


class WithPlaces(WithHook):
    shop_class = ReferenceShop
    test_swap__completes = None  # type: ignore[assignment]


class WithoutOneTest(WithPlaces):
    pass


def reason(contract: type[ShopContract], name: str) -> Any:
    """Return why a test is left out; None if it is collected."""
    test = getattr(contract, name)
    return None if callable(test) else test


def test_tests__left_out_without_the_capability() -> None:
    assert reason(Minimal, "test_place__completes") == "needs place"
    assert reason(Minimal, "test_swap__completes") == "needs place"
    assert reason(Minimal, "test_cancel__completes") is None
    assert reason(WithPlaces, "test_place__completes") is None


def test_tests__left_out_without_the_hook() -> None:
    name = "test_place__query_count_does_not_depend_on_lines"
    assert reason(Minimal, name) == "needs add_line, place"
    assert reason(WithHook, name) == "needs place"
    assert reason(WithPlaces, name) is None


def test_tests__omitted_by_the_class() -> None:
    for contract in (WithPlaces, WithoutOneTest):
        assert contract.test_swap__completes is None
        assert reason(contract, "test_swap__can_be_repeated") is None


def test_shop__is_the_configured_one_by_default() -> None:
    assert type(ReferenceShopContract.shop()) is type(get_shop())
    assert type(Minimal.shop()) is CopyingShop


@pytest.mark.parametrize("method", ["make_request", "make_unavailable", "leave_last_pieces"])
def test_methods__not_implemented_by_default(method: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(Minimal(), method)(None)


def only(*names: str) -> Callable[[type[ShopContract]], type[ShopContract]]:
    """Omit all tests of a contract but these."""

    def omit(contract: type[ShopContract]) -> type[ShopContract]:
        for name in dir(contract):
            if name.startswith("test_") and name not in names:
                setattr(contract, name, None)
        return contract

    return omit


@only(
    "test_write__what_happened_to_the_source_does_not_travel",
    "test_cancel__copy_of_a_cancelled_order_is_not_cancelled",
    "test_cancel__refuses_a_cancelled_source",
    "test_place__refuses_what_was_sold_since_the_plan",
    "test_swap__refuses_a_cancelled_source",
    "test_any_copy__completes_or_fails_with_reasons",
)
class TestStrictShop(ReferenceShopContract):
    shop_class = StrictShop
