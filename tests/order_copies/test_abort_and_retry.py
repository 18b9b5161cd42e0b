from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.events.models import Event
from order_copies.exceptions import OrderCopyGoneError
from order_copies.models import OrderFactory
from tests import stories
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

Act = Callable[..., list[list[Any]]]
BOTH = pytest.mark.parametrize("act", [copying.abort, copying.retry])


@BOTH
def test_abort_and_retry__deleted_copy_raises(act: Act) -> None:
    # given
    order_copy = OrderCopyFactory()
    OrderFactory.objects.all().delete()

    # when, then
    with pytest.raises(OrderCopyGoneError):
        act([order_copy], actor=stories.WHO)


@BOTH
def test_abort_and_retry__empty_list_does_nothing(act: Act) -> None:
    assert act([], actor=stories.WHO) == []
    assert not Event.objects.exists()


def test_abort__results_are_in_the_order_of_the_copies() -> None:
    ended, pending = OrderCopyFactory(completed=True), OrderCopyFactory()

    answers = copying.abort([pending, ended], actor=stories.WHO)

    assert [[problem.code for problem in answer] for answer in answers] == [
        [],
        ["cannot_transition"],
    ]


@pytest.mark.parametrize(
    ("act", "traits"),
    [(copying.abort, {"in_progress": True}), (copying.retry, {"failed": True})],
)
def test_abort_and_retry__query_count_is_equal_for_one_and_many_copies(
    act: Act, traits: dict[str, bool]
) -> None:
    """SAVEPOINT, SELECT the copies, UPDATE them, INSERT their events, RELEASE.

    And the lock timeout: PostgreSQL sets and resets it, MariaDB also reads it before.
    """
    # given
    source = placed_order(lines=1)
    one = [OrderCopyFactory(source_order=source, **traits)]
    many = [OrderCopyFactory(source_order=source, **traits) for _ in range(20)]

    # when
    costs = []
    for order_copies in (one, many):
        with CaptureQueriesContext(connection) as queries:
            act(order_copies, actor=stories.WHO)
        costs.append(len(queries))

    # then
    limit = {"sqlite": 0, "postgresql": 2, "mysql": 3}[connection.vendor]
    assert costs == [5 + limit, 5 + limit]
    assert Event.objects.count() == 21
