"""Story: an include costs one query per relationship, regardless of the number of rows."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import project.urls  # noqa: F401  (registers every resource)
from order_copies import copying
from order_copies.jsonapi.resources import resource_of, resources
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

#: ``event_stores`` have no list: they are read from the resource that was changed.
TYPES = sorted({resource.type for resource in resources().values()} - {"event_stores"})
#: Relationships that are always empty need no query.
FREE = {"order_subscription"}


def create_shop() -> None:
    """Create an order with one row in each relationship, and three with several, all copied."""
    for lines, copies in ((1, 1), *([(3, 3)] * 3)):
        market = MarketFactory()
        order = placed_order(
            lines=lines,
            options=lines,
            market=market,
            coupon=CouponFactory(promotion__market=market),
            promotions=[PromotionFactory(market=market)],
        )
        order_copies = [OrderCopy(source_order=order) for _ in range(copies)]
        copying.request_copies(order_copies, actor={})
        OrderCopyFactory(source_order=order, type=Kind.RECURRING_ORDER_COPIES)
    run_batch("a worker")


def cost(api: API, path: str) -> list[str]:
    """Return the statements of a request, without their values.

    Permission queries are left out: they run once per client, if at all.
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
    create_shop()
    api, bare = API(staff(*PERMISSIONS, "view_coupon")), f"/{resource_type}?page[size]="
    cost_of_none = cost(api, f"{bare}25")

    for path in ["", *include_paths(resource_of(resource_type))]:
        cost_of_one = cost(api, f"{bare}1&include={path}")
        cost_of_many = cost(api, f"{bare}25&include={path}")

        followed = set(path.split(".")) - FREE - {""}
        assert (path, len(cost_of_many)) == (path, len(cost_of_none) + len(followed))
        assert cost_of_many == cost_of_one
