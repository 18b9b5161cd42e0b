"""Swaps: the source is cancelled and its target placed, both or neither."""

from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone

from order_copies.copying import preview_copies
from order_copies.models import OrderFactory
from order_copies.shops import Placement, Refused
from tests.wine_shop.conftest import add_line, copies_of, copy_of, make_order, run, total_up
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import Order, Wine

SWAP = {"place_target_order": True, "cancel_source_order": True}


def placed_order(number: str, *lines: tuple[str, int, str], **fields: Any) -> Order:
    """Create a placed order, whose pieces are not in stock any more."""
    return make_order(number, *lines, status="placed", placed_at=timezone.now(), **fields)


def stock(white: int) -> None:
    Wine.objects.filter(code="white").update(pieces=white)


def white() -> int | None:
    return Wine.objects.get(code="white").pieces


def states(*order_copies: OrderFactory) -> list[Any]:
    """Return the status of each copy, of its source and of its target."""
    return [
        (
            it.status,
            Order.objects.get(pk=it.source_order_id).status,
            it.target_order and it.target_order.status,
        )
        for it in order_copies
    ]


DONE = ("completed", "cancelled", "placed")


def test_swap__last_pieces_go_from_source_to_target(cellar: None) -> None:
    # given
    stock(0)
    order_copy = copy_of(placed_order("W1", ("white", 3, "1")), **SWAP)

    # when
    run(order_copy)

    # then
    assert states(order_copy) == [DONE]
    assert (order_copy.target_order.lines.get().quantity, white()) == (3, 0)


def test_swap__draft_holds_no_pieces(cellar: None) -> None:
    # given
    stock(0)
    order_copy = copy_of(make_order("W1", ("white", 3, "1")), **SWAP)

    # when
    run(order_copy)

    # then
    assert states(order_copy) == [("failed", "draft", None)]


def test_swap__of_more_orders_than_are_in_stock(cellar: None) -> None:
    # given
    stock(0)
    orders = [placed_order(f"W{number}", ("white", number, "1")) for number in range(1, 4)]
    order_copies = copies_of(orders, **SWAP)

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [DONE] * 3
    assert white() == 0


class StrictShop(WineShop):
    """A shop that refuses to place some orders."""

    def place_order(self, order: Order) -> None:
        if order.note == "refuse":
            raise Refused("no bottles for you")
        super().place_order(order)


def test_swap__refused_target_leaves_its_source_placed(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(StrictShop)
    stock(0)
    refused = placed_order("W1", ("white", 2, "1"), note="refuse")
    order_copies = copies_of([refused, placed_order("W2", ("white", 1, "1"))], **SWAP)

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [("failed", "placed", "draft"), DONE]
    assert white() == 0


def test_swap__source_that_cannot_be_cancelled_leaves_its_target_pending(cellar: None) -> None:
    # given
    stock(0)
    shipped = placed_order("W1", ("white", 2, "1"), note="shipped")
    order_copies = copies_of([shipped, placed_order("W2", ("white", 1, "1"))], **SWAP)

    # when
    run(*order_copies)

    # then
    assert states(*order_copies) == [("failed", "placed", "draft"), DONE]
    assert order_copies[0].errors_log["target_order"] == ["this order was shipped"]
    assert white() == 0


def test_swap__copy_that_needs_what_a_refused_swap_releases_is_planned_again(
    cellar: None, use: Callable[..., None]
) -> None:
    """The first leaves two pieces, because they go with a case that does not exist any more."""
    # given
    use(StrictShop)
    stock(0)
    refused = placed_order("W1", ("gone", 1, "1"), ("red", 1, "1"), note="refuse")
    add_line(refused, "white", 2, "1", case=refused.lines.first())
    total_up(refused)
    other = make_order("W2", ("white", 1, "1"), ("red", 1, "1"))
    swap = copy_of(refused, skip_errors=True, **SWAP)
    order_copy = copy_of(other, skip_errors=True, place_target_order=True)
    plans = preview_copies([swap, order_copy])

    # when
    run(swap, order_copy)

    # then
    assert [[it.code for it in plan.outcomes] for plan in plans] == [
        ["product_gone", "", "product_gone"],
        ["", ""],
    ]
    assert states(swap) == [("completed", "placed", "draft")]
    assert [it["code"] for it in order_copy.outcomes] == ["out_of_stock", None]
    assert order_copy.target_order.status == "placed"


class Swaps(WineShop):
    """A shop that transfers what a source holds, in batches."""

    seen: list[Any] = []

    def place_orders(self, placements: Sequence[Placement]) -> list[str]:
        self.seen += [(it.order.number, it.replaces and it.replaces.status) for it in placements]
        return [""] * len(placements)

    def cancel_orders(self, orders: Sequence[Any]) -> list[str]:
        return [""] * len(orders)


def test_place_orders__knows_the_source_that_is_replaced(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(Swaps)
    Swaps.seen.clear()
    swap = copy_of(placed_order("W1", ("red", 1, "1")), **SWAP)
    draft = copy_of(make_order("W2", ("red", 1, "1")), place_target_order=True)
    alone = copy_of(make_order("W3", ("red", 1, "1")), cancel_source_order=True)

    # when
    run(swap, draft, alone)

    # then
    assert Swaps.seen == [
        (swap.target_order.number, "cancelled"),
        (draft.target_order.number, None),
    ]
    assert states(swap, draft, alone) == [
        DONE,
        ("completed", "draft", "placed"),
        ("completed", "cancelled", "draft"),
    ]
