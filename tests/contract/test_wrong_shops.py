"""Each wrong shop fails the tests of the contract that name its mistake, and passes all others.

The tests that it passes take long, so they have the mark ``exhaustive``.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import pytest
from django.db import connection

from tests.contract import wrong_shops
from tests.contract.test_reference_shop import ReferenceShopContract

Test = Callable[..., None]


class WrongShopContract(ReferenceShopContract):
    """The contract, in which some tests must fail with a message."""

    #: The message by the name of each test that fails.
    broken: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in [name for name in dir(cls) if name.startswith("test_")]:
            test = getattr(cls, name)
            if isinstance(test, str):
                # The test needs what the reference shop lacks.
                continue
            if name in cls.broken:
                setattr(cls, name, failing(test, cls.broken[name]))
            elif name.startswith("test_any_"):
                # Whether it fails depends on what hypothesis draws.
                setattr(cls, name, None)
            else:
                setattr(cls, name, passing(test))


def failing(test: Test, message: str) -> Test:
    @wraps(test)
    def reversed_test(self: Any) -> None:
        with pytest.raises(AssertionError, match=message):
            test(self)

    return reversed_test


def passing(test: Test) -> Test:
    @wraps(test)
    def same_test(self: Any, **arguments: Any) -> None:
        test(self, **arguments)

    return pytest.mark.exhaustive(same_test)


class TestCarelessShop(WrongShopContract):
    shop_class = wrong_shops.CarelessShop
    broken: ClassVar[dict[str, str]] = {
        "test_cancel__query_count_is_constant": (
            r"cancel\(\) ran 2 queries for one copy and 10 for five: 4 more like (SELECT|UPDATE)"
        ),
        "test_swap__query_count_is_constant": r"cancel\(\) ran 2 queries for one copy and 10",
        "test_cancel__refuses_a_cancelled_source": (
            r"cancel\(\) cancelled a cancelled order: the copy completed"
        ),
        "test_cancel__only_one_of_two_copies_in_a_batch": (
            "Two copies of a batch cancelled one order: both copies completed"
        ),
        "test_cancel__only_one_of_two_workers": (
            "Two workers cancelled one order: both copies completed"
        ),
        "test_cancel__target_has_what_was_added_to_its_source_meanwhile": (
            r"write\(\) lost a change of a source that was cancelled"
        ),
    }
    if connection.features.has_select_for_update:
        broken["test_cancel__locks_the_source"] = r"write\(\) does not lock the source"


class TestMixingShop(WrongShopContract):
    shop_class = wrong_shops.MixingShop
    broken: ClassVar[dict[str, str]] = {
        "test_write__each_target_of_a_batch_has_the_fields_of_its_own_source": (
            r"write\(\) did not copy orders.LineItem.sku_id was \d+ and is \d+"
        )
    }


class TestRoundingShop(WrongShopContract):
    shop_class = wrong_shops.RoundingShop
    broken: ClassVar[dict[str, str]] = {
        "test_write__copied_fields_equal_those_of_the_source": (
            r"write\(\) did not copy orders.LineItem.unit_amount_cents was 1999 and is 2000"
        ),
        "test_write__each_target_of_a_batch_has_the_fields_of_its_own_source": (
            r"write\(\) did not copy orders.LineItem.unit_amount_cents was 1999 and is 2000"
        ),
        "test_write__writes_what_was_planned": r"write\(\) wrote the lines .* the plan has",
        "test_line_items__target_has_what_was_planned": (
            r"A target has the lines .*, and not those that were planned"
        ),
    }


class TestStatusCopyingShop(WrongShopContract):
    shop_class = wrong_shops.StatusCopyingShop
    broken: ClassVar[dict[str, str]] = {
        "test_place__places_the_target": (
            r"place\(\) changes nothing: a target that is not placed equals it"
        ),
        "test_write__what_happened_to_the_source_does_not_travel": (
            "The status of a cancelled order travels: orders.Order.status was 'placed' and is "
            "'cancelled'"
        ),
        "test_cancel__copy_of_a_cancelled_order_is_not_cancelled": (
            "A copy ended failed, .*cannot transition from cancelled to cancelled"
        ),
        "test_place__refuses_what_was_sold_since_the_plan": (
            "Pieces that were sold between plan and place were sold again: the copy ended completed"
        ),
        "test_swap__only_one_of_two_workers": r"The other copy ended failed, with the errors",
    }


class TestLosingShop(WrongShopContract):
    shop_class = wrong_shops.LosingShop
    broken: ClassVar[dict[str, str]] = {
        "test_swap__keeps_the_last_piece": "A swap lost the last piece: the copy ended failed",
        "test_swap__keeps_the_last_piece_among_rivals": "A swap among rivals ended failed",
        "test_swap__keeps_the_last_piece_while_another_worker_wants_it": (
            "A swap lost the last piece: it ended failed"
        ),
        "test_swap__only_one_of_two_workers": r"The other copy ended failed, with the errors",
    }
