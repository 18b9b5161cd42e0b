"""Generated keys of new rows are in the order in which the database sorts them."""

from uuid import UUID, uuid4

import pytest

from order_copies.shops.keys import ascending_keys, mariadb_order
from tests.wine_shop.models import Line, Order


@pytest.mark.django_db
def test_ascending_keys__are_sorted_as_the_database_sorts_them() -> None:
    # given
    order = Order.objects.create(number="W1")
    keys = ascending_keys(Line._meta.pk, uuid4, 100)

    # when
    Line.objects.bulk_create(Line(pk=key, order=order, name="x", price=1) for key in keys)

    # then
    assert list(Line.objects.order_by("pk").values_list("pk", flat=True)) == keys


def test_mariadb_order__is_that_of_its_uuid_type() -> None:
    """As MariaDB 10.11 sorts them."""
    # given
    keys = [
        *("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"),
        *("88e9d55d-ef91-496c-8336-005bcfd1f1d6", "751d44c5-022e-46c4-acfe-024f7133808b"),
        *("53656cee-ec57-11f1-bb6e-02fc00000001", "53656fb4-ec57-11f1-bb6e-02fc00000001"),
        *("03f19580-f38a-70eb-80a3-0f6f15da64d9", "cf13073e-b183-4f24-a9ac-085a750138b2"),
    ]

    # then
    assert sorted(map(UUID, reversed(keys)), key=mariadb_order) == [*map(UUID, keys)]
