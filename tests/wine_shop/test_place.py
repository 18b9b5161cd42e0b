"""Placing targets: hooks, stock within a batch, and refusals."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from order_copies.copying import preview_copies
from order_copies.models import OrderFactory
from order_copies.shops import CopyRun, FrozenShop, Placement, Refused
from tests.wine_shop.conftest import copied, copies_of, copy_of, make_order, run
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import Adviser, Country, Order, Wine


def pieces(wine: str) -> int | None:
    return Wine.objects.get(code=wine).pieces


def states(*order_copies: OrderFactory) -> list[Any]:
    """Return the status of each copy, and that of its target."""
    return [(it.status, it.target_order and it.target_order.status) for it in order_copies]


def test_place__writes_the_declared_fields(cellar: None) -> None:
    # given
    order = make_order("W1", ("white", 2, "1"))
    before = timezone.now()

    # when
    target = copied(order, place_target_order=True)

    # then
    assert target.status == "placed"
    assert before <= target.placed_at <= target.updated_at  # type: ignore[operator]
    assert pieces("white") == 1


def test_place__is_not_done_for_a_draft(cellar: None) -> None:
    target = copied(make_order("W1", ("white", 2, "1")))

    assert (target.status, target.placed_at, pieces("white")) == ("draft", None, 3)


def test_place__order_without_pieces_stays_pending(cellar: None) -> None:
    # given
    order_copy = copy_of(make_order("W1", ("red", 0, "1")), place_target_order=True)

    # when
    run(order_copy)

    # then
    assert states(order_copy) == [("failed", "draft")]
    assert order_copy.errors_log == {
        "line_items": ["can't be blank: placing needs at least one item"],
        "status": ["cannot transition from pending to placed"],
    }


def test_place__copies_of_a_batch_share_the_stock(cellar: None) -> None:
    # given
    orders = [make_order(f"W{number}", ("white", 2, "1")) for number in range(1, 4)]
    order_copies = copies_of(orders, place_target_order=True, skip_errors=True)
    plans = preview_copies(order_copies)

    # when
    run(*order_copies)

    # then
    assert [it.outcomes[0].action for it in plans] == ["copied", "reduced", "skipped"]
    assert states(*order_copies) == [("completed", "placed")] * 2 + [("failed", None)]
    assert order_copies[1].target_order.lines.get().quantity == 1
    assert pieces("white") == 0


class StrictShop(WineShop):
    """A shop that refuses some orders after their stock was taken."""

    def place_order(self, order: Order) -> None:
        super().place_order(order)
        if order.note == "refuse":
            raise Refused("no bottles for you")


def test_planner__shares_the_stock_between_its_calls(cellar: None) -> None:
    # given
    first, second = (make_order(f"P{number}", ("white", 2, "2")) for number in (1, 2))
    copies = [copy_of(order, place_target_order=True) for order in (first, second)]

    # when
    planner = WineShop().planner()
    plans = [planner([order_copy])[0] for order_copy in copies]

    # then
    [alone] = WineShop().plan(copies[1:])
    assert [plan.will_place for plan in [*plans, alone]] == [True, False, True]


def test_planner__of_a_shop_with_another_plan_is_that_plan(cellar: None) -> None:
    # given
    class OtherShop(WineShop):
        def plan(self, order_copies: Sequence[OrderFactory]) -> list[Any]:
            return []

    # then
    assert OtherShop().planner()([]) == []


def test_place__refused_target_stays_pending(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(StrictShop)
    refused = make_order("W1", ("white", 1, "1"), note="refuse")
    order_copies = copies_of(
        [refused, make_order("W2", ("white", 1, "1"))], place_target_order=True
    )

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [("failed", "draft"), ("completed", "placed")]
    assert order_copies[0].errors_log == {
        "status": ["cannot transition from pending to placed"],
        "target_order": ["no bottles for you"],
    }
    assert pieces("white") == 2


def test_place__skip_errors_completes_a_copy_that_is_not_placed(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(StrictShop)
    refused = make_order("W1", ("white", 1, "1"), note="refuse")
    order_copy = copy_of(refused, place_target_order=True, skip_errors=True)

    # when
    run(order_copy)

    # then
    assert states(order_copy) == [("completed", "draft")]
    assert order_copy.errors_log["target_order"] == ["no bottles for you"]


def test_place__copy_that_lacks_what_a_refused_one_took_is_planned_again(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(StrictShop)
    refused = make_order("W1", ("white", 3, "1"), note="refuse")
    order_copies = copies_of(
        [refused, make_order("W2", ("white", 3, "1"))], place_target_order=True
    )

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [("failed", "draft"), ("completed", "placed")]
    assert pieces("white") == 0


class SlowShop(WineShop):
    """A shop whose stock is taken by others before it places orders."""

    def available(self, products: set[Any]) -> dict[Any, Any]:
        return dict.fromkeys(products)

    def place_order(self, order: Order) -> None:
        if order.note == "steal":
            Wine.objects.filter(code="white").update(pieces=0)
            raise Refused("stolen")
        super().place_order(order)


def test_place__what_a_refused_order_did_concerns_no_other(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(SlowShop)
    refused = make_order("W1", ("red", 3, "1"), note="steal")
    order_copies = copies_of(
        [refused, make_order("W2", ("white", 3, "1"))], place_target_order=True
    )

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [("failed", "draft"), ("completed", "placed")]
    assert pieces("white") == 0


class CarelessShop(WineShop):
    """A shop that refuses an order because the database does."""

    def place_order(self, order: Order) -> None:
        try:
            Country.objects.create(code=order.note[:2])
        except IntegrityError as error:
            raise Refused("there is such a country") from error


def test_place__hook_may_refuse_because_of_an_error_of_the_database(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(CarelessShop)
    orders = [make_order(f"W{number}", ("red", 3, "1"), note="FR") for number in range(1, 4)]
    order_copies = copies_of(orders, place_target_order=True)

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [("completed", "placed")] + [("failed", "draft")] * 2


class BatchShop(WineShop):
    """A shop that places in batches."""

    def place_orders(self, placements: Sequence[Placement]) -> list[str]:
        Adviser.objects.create(name=",".join(placement.order.number for placement in placements))
        for placement in placements:
            assert placement.replaces is None
            assert placement.order_copy.target_order_id is None
        return ["no" if placement.order.note == "refuse" else "" for placement in placements]


def test_place_orders__is_called_again_without_the_refused(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(BatchShop)
    orders = [
        make_order(f"W{number}", ("red", 3, "1"), note="refuse" if number == 2 else "")
        for number in range(1, 4)
    ]
    order_copies = copies_of(orders, place_target_order=True)

    # when
    run(*order_copies)

    # then
    assert [it.status for it in order_copies] == ["completed", "failed", "completed"]
    targets = [order_copies[0].target_order.number, order_copies[2].target_order.number]
    assert [it.name for it in Adviser.objects.all()] == [",".join(targets)]


class OnlyFields(WineShop):
    """A shop without hooks."""

    place_order = FrozenShop.place_order  # type: ignore[attr-defined]
    cancel_order = FrozenShop.cancel_order  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [1, 5])
def test_place__without_hooks_is_one_update(
    cellar: None, use: Callable[..., None], count: int, django_assert_num_queries: Any
) -> None:
    """Place and cancel: a savepoint, the sources, an UPDATE of their fields, the orders, an UPDATE
    of the targets, and the release of the savepoint.
    """
    # given
    use(OnlyFields)
    orders = [make_order(f"W{number}", ("red", 3, "1")) for number in range(count)]
    order_copies = copies_of(orders, place_target_order=True, cancel_source_order=True)
    shop = OnlyFields()
    plans = shop.plan(order_copies)
    runs = [CopyRun(*pair) for pair in zip(order_copies, plans, strict=True)]
    shop.write(runs)

    # when
    with django_assert_num_queries(6):
        problems = shop.place(runs)

    # then
    assert problems == [[]] * count
    assert Order.objects.filter(status="placed").count() == count
    assert Order.objects.filter(status="cancelled").count() == count


class Cellar(WineShop):
    """A shop that can place, by its hook, and not cancel."""

    placed, cancelled = {}, {}
    cancel_order = FrozenShop.cancel_order  # type: ignore[attr-defined]


def test_capabilities__follow_from_fields_and_hooks(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Cellar)
    order = make_order("W1", ("white", 3, "1"), status="placed")

    # when
    target = copied(order, place_target_order=True)

    # then
    assert (target.status, pieces("white")) == ("draft", 0)
    assert sorted(Cellar().capabilities) == ["lines", "place", "recurring"]
    assert sorted(WineShop().capabilities) == ["cancel", "lines", "place", "recurring"]


class ForgetfulShop(WineShop):
    """A shop whose hook answers for no order."""

    def place_orders(self, placements: Sequence[Placement]) -> list[str]:
        return []


class SilentShop(WineShop):
    """A shop whose hook returns nothing."""

    def fresh(self, runs: Sequence[CopyRun]) -> Any:
        return None


@pytest.mark.parametrize(
    ("shop", "message"),
    [
        (ForgetfulShop, "ForgetfulShop.place_orders() must return a list of 1, and returned 0."),
        (SilentShop, "SilentShop.fresh() must return a list of 1, and returned NoneType."),
    ],
)
def test_hook__wrong_number_of_answers_fails_the_copy(
    cellar: None, use: Callable[[type[FrozenShop]], None], shop: type[FrozenShop], message: str
) -> None:
    # given
    use(shop)
    order_copy = copy_of(make_order("W1", ("white", 2, "1")), place_target_order=True)

    # when
    run(order_copy)

    # then
    assert (order_copy.status, order_copy.target_order) == ("failed", None)
    assert order_copy.errors_log == {"base": [message]}
