"""Lines with names."""

from order_copies.shops.lines import row_type


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
