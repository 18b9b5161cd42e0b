import pytest

from order_copies.testing.rows import belongings, differences, late_difference
from orders.models import Address, Authorization, LineItem, LineItemOption, Order, StockReservation
from tests.factories import placed_order
from tests.stories import copied

pytestmark = pytest.mark.django_db


def test_belongings__rows_that_refer_to_the_order() -> None:
    # given
    order = placed_order(lines=2, options=1)
    placed_order()
    copied(order)

    # when
    found = belongings(Order, order.pk)

    # then
    counts = {model: len(found) for model, found in found.items() if found}
    assert counts == {
        Order: 1,
        LineItem: 4,
        LineItemOption: 2,
        Address: 2,
        Authorization: 1,
        StockReservation: 2,
    }


def test_differences__new_deleted_and_changed_rows() -> None:
    # given
    before = {Order: {1: {"number": "1"}, 2: {"number": "2"}, 3: {"number": "3"}}}
    after = {Order: {1: {"number": "1"}, 2: {"number": "two"}, 4: {"number": "4"}}}

    # then
    assert differences(before, after) == [
        "orders.Order 2.number was '2' and is 'two'",
        "orders.Order 3 was deleted",
        "orders.Order 4 is new",
    ]
    assert differences(before, before) == []


def test_late_difference__only_in_fields_that_are_stable() -> None:
    # given
    first, second = {"key": 1, "status": "draft"}, {"key": 2, "status": "draft"}

    # then
    assert late_difference(first, second, {"key": 3, "status": "draft"}) == ""
    assert (
        late_difference(first, second, {"key": 3, "status": "placed"})
        == ".status was 'draft' and is 'placed'"
    )
