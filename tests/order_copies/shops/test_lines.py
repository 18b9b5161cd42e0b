"""Lines with names."""

from typing import Any

import pytest

from order_copies.shops import FrozenShop, LineFields
from order_copies.shops.lines import LineReader, row_type
from order_copies.shops.tables import CopiedTables
from orders.copying.shop import ReferenceShop
from orders.models import LineItem


def test_line__has_names_that_begin_with_an_underscore() -> None:
    # given
    line = row_type(["pk", "_legacy_total", "quantity"])._make((1, 20, 3))

    # when
    changed = line._replace(_legacy_total=10, quantity=2)

    # then
    assert (line.pk, line._legacy_total, line.quantity) == (1, 20, 3)
    assert (changed.pk, changed._legacy_total, changed.quantity) == (1, 10, 2)
    assert changed == (1, 10, 2)


def test_line__other_names_are_those_of_a_named_tuple() -> None:
    line = row_type(["pk", "quantity"])._make((1, 3))

    assert line._replace(quantity=2) == (1, 2)


class Declared(FrozenShop):
    copied_models = ReferenceShop.copied_models
    left_behind = ReferenceShop.left_behind
    currency = "currency_code"


def reader(unit: str = "", total: str = "") -> LineReader:
    line = LineFields(LineItem, name="name", quantity="quantity", unit=unit, total=total)
    return LineReader(line, CopiedTables(Declared().declarations()))


UNIT, TOTAL = {"unit": "unit_amount_cents"}, {"total": "total_amount_cents"}


@pytest.mark.parametrize(
    ("fields", "before", "after"),
    [
        # Quantity, unit and total; the price is 400 afterwards.
        (UNIT, (3, 250, 0), (3, 400, 0)),
        (TOTAL, (3, 0, 1000), (3, 0, 1200)),
        (UNIT | TOTAL, (3, 250, 750), (3, 400, 1200)),
        # 20 % are off before and after.
        (UNIT | TOTAL, (2, 500, 800), (2, 500, 800)),
        (UNIT | TOTAL, (2, 250, 400), (2, 500, 800)),
        # The unit is without a tax of 25 %.
        (UNIT | TOTAL, (2, 160, 400), (2, 320, 800)),
        # A line that was free has no proportion.
        (UNIT | TOTAL, (2, 500, 0), (2, 400, 800)),
    ],
)
def test_repriced__unit_keeps_its_proportion_to_the_price(
    fields: dict[str, str], before: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    # given
    names = ("quantity", "unit_amount_cents", "total_amount_cents")
    line: Any = row_type(["pk", *names])._make((1, *before))

    # when
    changes = reader(**fields).repriced(line, 400, "EUR")

    # then
    assert line._replace(**changes)[1:] == after


@pytest.mark.parametrize(("quantity", "total"), [(1, 333), (2, 667), (6, 2000)])
def test_reduced__total_changes_in_proportion(quantity: int, total: int) -> None:
    # given
    line: Any = row_type(["pk", "quantity", "total_amount_cents"])._make((1, 3, 1000))

    # when
    changes = reader(**TOTAL).reduced(line, quantity, "EUR")

    # then
    assert changes == {"quantity": quantity, "total_amount_cents": total}
