"""The benchmarks compare equal documents."""

import pytest

from benchmarks.client import make_client
from benchmarks.serving import QUERIES, all_sides, check, paths_of
from benchmarks.shop import make_orders

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_by_hand__documents_equal_those_of_the_api(query: str) -> None:
    keys = make_orders(26)

    with all_sides():
        size = check(make_client(), paths_of(query, keys[0]))

    assert size > 3000
