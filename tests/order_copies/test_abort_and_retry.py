from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.copying import abort_copies, retry_copies
from order_copies.events.models import Event
from order_copies.exceptions import OrderCopyGoneError
from order_copies.models import OrderFactory
from tests import stories
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

Intervene = Callable[..., list[list[Any]]]
BOTH = pytest.mark.parametrize("intervene", [abort_copies, retry_copies])


@BOTH
def test_a_copy_that_is_gone_is_told(intervene: Intervene) -> None:
    # given
    order_copy = OrderCopyFactory()
    OrderFactory.objects.all().delete()

    # when, then
    with pytest.raises(OrderCopyGoneError):
        intervene([order_copy], who=stories.WHO)


@BOTH
def test_nothing_is_nothing_to_do(intervene: Intervene) -> None:
    assert intervene([], who=stories.WHO) == []
    assert not Event.objects.exists()


def test_answers_come_in_the_order_of_the_copies() -> None:
    ended, pending = OrderCopyFactory(completed=True), OrderCopyFactory()

    answers = abort_copies([pending, ended], who=stories.WHO)

    assert [[problem.code for problem in answer] for answer in answers] == [
        [],
        ["cannot_transition"],
    ]


@pytest.mark.parametrize(
    ("intervene", "traits"),
    [(abort_copies, {"in_progress": True}), (retry_copies, {"failed": True})],
)
def test_any_number_of_copies_costs_the_same(intervene: Intervene, traits: dict[str, bool]) -> None:
    """SAVEPOINT, SELECT the copies, UPDATE them, INSERT their events, RELEASE.

    And the wait for locks: PostgreSQL limits it and lifts the limit, MariaDB reads it before.
    """
    # given
    source = placed_order(lines=1)
    one = [OrderCopyFactory(source_order=source, **traits)]
    many = [OrderCopyFactory(source_order=source, **traits) for _ in range(20)]

    # when
    costs = []
    for order_copies in (one, many):
        with CaptureQueriesContext(connection) as queries:
            intervene(order_copies, who=stories.WHO)
        costs.append(len(queries))

    # then
    limit = {"sqlite": 0, "postgresql": 2, "mysql": 3}[connection.vendor]
    assert costs == [5 + limit, 5 + limit]
    assert Event.objects.count() == 21
