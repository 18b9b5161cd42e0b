"""Story: what is included costs one query a relationship, however many rows there are."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import project.urls  # noqa: F401  (registers every resource)
from order_copies import copying
from order_copies.jsonapi.resources import registered, resource_of
from order_copies.models import Kind, OrderCopy
from order_copies.worker.run import run_batch
from tests.api import API, PERMISSIONS, include_paths, staff
from tests.factories import (
    CouponFactory,
    MarketFactory,
    OrderCopyFactory,
    PromotionFactory,
    placed_order,
)

pytestmark = pytest.mark.django_db

#: Changes hang on what was changed, and have no list of their own.
TYPES = sorted({resource.type for resource in registered()} - {"event_stores"})
#: What leads nowhere yet is known without asking.
FREE = {"order_subscription"}


def a_shop() -> None:
    """A copied order with one of everything, and many with many."""
    for lines, copies in ((1, 1), *([(3, 3)] * 3)):
        market = MarketFactory()
        order = placed_order(
            lines=lines,
            options=lines,
            market=market,
            coupon=CouponFactory(promotion__market=market),
            promotions=[PromotionFactory(market=market)],
        )
        asked_for = [OrderCopy(source_order=order) for _ in range(copies)]
        copying.request_copies(asked_for, who={})
        OrderCopyFactory(source_order=order, type=Kind.RECURRING_ORDER_COPIES)
    run_batch("a worker")


def cost(api: API, path: str) -> list[str]:
    """The statements that a request runs, with their values left out.

    Permissions of the client and its groups do not count: they are asked for once, if at all.
    """
    with CaptureQueriesContext(connection) as queries:
        response = api.get(path)
    assert response.status_code == 200
    statements = [re.sub(r" IN \(.*|[0-9]+", "#", one["sql"]) for one in queries.captured_queries]
    return [statement for statement in statements if "auth_permission" not in statement]


@pytest.mark.parametrize("resource_type", TYPES)
def test_list__query_count_is_one_per_included_relationship(resource_type: str) -> None:
    """SELECT the token with its user; COUNT the rows, SELECT the page; and one SELECT for each
    relationship that an include path follows.
    """
    a_shop()
    api, bare = API(staff(*PERMISSIONS, "view_coupon")), f"/{resource_type}?page[size]="
    cost_of_none = cost(api, f"{bare}25")

    for path in ["", *include_paths(resource_of(resource_type))]:
        cost_of_one = cost(api, f"{bare}1&include={path}")
        cost_of_many = cost(api, f"{bare}25&include={path}")

        followed = set(path.split(".")) - FREE - {""}
        assert (path, len(cost_of_many)) == (path, len(cost_of_none) + len(followed))
        assert cost_of_many == cost_of_one
