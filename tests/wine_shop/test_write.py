"""What a target order holds: equal copies of all rows, and none of the source's rows."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies.shops import CopyRun, FrozenShop, get_shop
from tests.wine_shop.conftest import (
    add_line,
    copied,
    copies_of,
    copy_of,
    full_order,
    make_order,
    run,
    total_up,
)
from tests.wine_shop.copies import WineShop
from tests.wine_shop.documents import document
from tests.wine_shop.models import (
    Address,
    Country,
    Doorbell,
    Gift,
    Line,
    Order,
    Parcel,
    Remark,
    Reminder,
)


@pytest.fixture
def order(cellar: None) -> Order:
    return full_order("W1")


def rows() -> dict[str, list[Any]]:
    """Return all rows of the copied models."""
    return {
        declaration.model.__name__: list(declaration.model._base_manager.order_by("pk").values())
        for declaration in WineShop.copied_models
    }


def test_write__target_holds_a_copy_of_every_row(order: Order) -> None:
    assert document(copied(order)) == document(order)


def test_write__target_shares_no_row_with_its_source(order: Order) -> None:
    # given
    before = rows()

    # when
    copied(order)

    # then
    after = rows()
    assert {name: len(found) for name, found in after.items()} == {
        name: 2 * len(found) for name, found in before.items()
    }
    assert all(row in after[name] for name, found in before.items() for row in found)


def test_write__every_order_of_a_batch_gets_its_own_rows(order: Order) -> None:
    # given
    other = full_order("W2")
    Order.objects.filter(pk=other.pk).update(
        shipping_address=order.shipping_address,
        billing_address=order.parcel.address,  # type: ignore[union-attr]
    )
    order_copies = copies_of([order, other, order])

    # when
    run(*order_copies)

    # then
    targets = [it.target_order for it in order_copies]
    assert [document(it) for it in targets] == [document(it) for it in (order, other, order)]
    addresses = [it.shipping_address_id for it in targets]
    assert len({*addresses, order.shipping_address_id}) == 4


def test_write__fields_start_with_a_new_value(order: Order) -> None:
    # given
    Order.objects.update(
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
        created_on="2020-01-01",
        created_time="01:00",
        updated_at=datetime(2020, 1, 1, tzinfo=UTC),
        seen_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    before = timezone.now()

    # when
    target = copied(order)

    # then
    times = [target.created_at, target.updated_at, target.seen_at]
    assert times == [target.created_at] * 3
    assert before <= target.created_at <= before + timedelta(minutes=1)
    local = timezone.localtime(target.created_at)
    assert (target.created_on, target.created_time) == (local.date(), local.time())
    assert (target.number, target.status, target.placed_at) == ("W2", "draft", None)
    assert (target.channel, target.attempts, target.replaces_id) == ("web", 1, None)
    assert target.token != order.token
    assert [it.packed_at for it in target.lines.all()] == [None] * 3
    assert Gift.objects.get(order=target).code != Gift.objects.get(order=order).code
    assert Reminder.objects.filter(order=target).count() == 0
    assert target.data == {"gift": True}


def test_write__lines_keep_their_order(cellar: None) -> None:
    # given
    order = make_order("W1", *[("red", quantity, "1") for quantity in range(1, 31)])

    # when
    targets = [copied(order), copied(order)]

    # then
    for target in targets:
        quantities = Line.objects.filter(order=target).order_by("pk").values_list("quantity")
        assert [it for (it,) in quantities] == list(range(1, 31))


def test_write__empty_order_has_no_rows(cellar: None) -> None:
    # given
    order = make_order("W1")

    # when
    target = copied(order)

    # then
    assert document(target) == document(order)


def test_write__links_to_rows_of_other_orders_are_left_empty(order: Order) -> None:
    # given
    other = make_order("W2")
    line = add_line(other, "red", 1, "1", case=order.lines.first(), instead_of=order.lines.last())
    other.finest_line = order.lines.first()
    total_up(other)

    # when
    target = copied(other)

    # then
    [copy_of_line] = target.lines.all()
    assert (copy_of_line.case_id, copy_of_line.instead_of_id) == (None, None)
    assert (target.finest_line_id, copy_of_line.price) == (None, line.price)


def test_write__rows_without_a_reference_of_their_own_are_found(cellar: None) -> None:
    """No order of the batch has a parcel; parcels of other orders go to the same address."""
    # given
    home = Address.objects.create(street="Rue 1", country=Country.objects.create(code="FR"))
    Doorbell.objects.create(address=home, label="Ann")
    Parcel.objects.create(address=home, weight=1)
    order = make_order("W1", ("red", 1, "1"), shipping_address=home)
    Remark.objects.create(line=order.lines.get(), text="of the line")

    # when
    target = copied(order)

    # then
    assert document(target) == document(order)
    assert Parcel.objects.count() == 1


class OwnKeys(WineShop):
    def fresh(self, runs: Sequence[CopyRun]) -> list[dict[str, Any]]:
        return [
            {"number": f"F{index}", "id": 900 + index, "channel": "shop"}
            for index, _run in enumerate(runs)
        ]


def test_fresh__names_any_field_of_the_order(order: Order, use: Callable[..., None]) -> None:
    # given
    use(OwnKeys)

    # when
    target = copied(order)

    # then
    assert (target.pk, target.number, target.channel) == (900, "F0", "shop")
    assert document(target) == document(order)


class NothingFresh(WineShop):
    fresh = FrozenShop.fresh  # type: ignore[assignment]


def test_fresh__default_is_the_first_value(order: Order, use: Callable[..., None]) -> None:
    use(NothingFresh)

    assert copied(order).number == ""


class NoteAfterwards(WineShop):
    def after_write(self, runs: Sequence[CopyRun]) -> None:
        for one in runs:
            note = f"{one.target_order}: {len(one.target_line_items)} lines"
            Order.objects.filter(pk=one.target_order).update(note=note)


def test_after_write__knows_the_keys_of_the_target(order: Order, use: Callable[..., None]) -> None:
    # given
    use(NoteAfterwards)

    # when
    target = copied(order)

    # then
    assert target.note == f"{target.pk}: 3 lines"


def test_write__source_that_is_gone_aborts_the_copy(order: Order) -> None:
    # given
    order_copy = copy_of(order)
    Order.objects.filter(pk=order.pk).update(finest_line=None)
    Line.objects.filter(order=order).delete()
    order.delete()

    # when
    run(order_copy)

    # then
    assert (order_copy.status, [*order_copy.errors_log]) == ("aborted", ["source_order"])


def queries_of(orders: list[Order]) -> Iterator[str]:
    """Yield the statements by which the shop plans and writes copies, without savepoints."""
    shop = get_shop()
    order_copies = copies_of(orders)
    runs = [CopyRun(*pair) for pair in zip(order_copies, shop.plan(order_copies), strict=True)]
    with CaptureQueriesContext(connection) as captured:
        shop.plan(order_copies)
        shop.write(runs)
    yield from (it["sql"].split(" ")[0] for it in captured if "SAVEPOINT" not in it["sql"])


def test_queries__their_number_depends_on_neither_orders_nor_lines(order: Order) -> None:
    """Plan: the orders, a query for each of 16 models, and the stock. Write: the number of orders
    for new numbers, an INSERT for each of 18 tables (leaflets have two), and an UPDATE for each of
    four links that lead to later rows: the finest line of an order, two between lines, and one
    between leaflets.
    """
    # given
    large = make_order("W2", *[("red", 1, "1")] * 30)
    others = [full_order(f"W{number}") for number in range(3, 7)]

    # when
    one, five, lines = (
        list(queries_of(orders)) for orders in ([order], [order, *others], [large, order])
    )

    # then
    assert one == five == lines
    assert (one.count("SELECT"), one.count("INSERT"), one.count("UPDATE")) == (19, 18, 4)
    assert len(one) == 41
