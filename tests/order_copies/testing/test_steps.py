import pytest
from django.conf import LazySettings

from order_copies.shops import get_shop
from order_copies.testing import steps
from order_copies.testing.steps import around, copied, growth, is_refused
from tests.factories import placed_order


def test_growth__names_the_statements_that_are_more() -> None:
    # given
    few = ["SELECT 1", "UPDATE a SET b = 1"]
    many = ["SELECT 1", *(f"UPDATE a SET b = {number}" for number in range(5))]

    # then
    assert growth("cancel", few, few, "copy") == ""
    assert growth("cancel", few, many, "copy") == (
        "cancel() ran 2 queries for one copy and 6 for five: 4 more like UPDATE a SET b = #"
    )


@pytest.mark.django_db
def test_work__copy_that_is_claimed_again_and_again(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": -1}
    monkeypatch.setattr(steps, "MAX_BATCHES", 3)

    def crash(*_arguments: object) -> None:
        raise RuntimeError

    # then
    with around(get_shop(), "write", crash), pytest.raises(AssertionError, match="does not end"):
        copied(placed_order())


@pytest.mark.django_db
def test_is_refused__not_where_the_shop_broke_its_contract() -> None:
    # given
    def write_nothing(*_arguments: object) -> None:
        return None

    # when
    with around(get_shop(), "write", write_nothing):
        order_copy = copied(placed_order())

    # then
    assert order_copy.status == "failed"
    assert not is_refused(order_copy)
