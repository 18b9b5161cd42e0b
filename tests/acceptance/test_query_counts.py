"""Story: a hundred copies cost the same number of queries as one."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    MarketFactory,
    PaymentSourceFactory,
    PromotionFactory,
    SkuFactory,
    placed_order,
)

pytestmark = pytest.mark.django_db

FROZEN: dict[str, bool] = {}
EVERYTHING = {
    "place_target_order": True,
    "cancel_source_order": True,
    "apply_promotions": True,
    "skip_errors": True,
    "ignore_invalid_coupon": True,
}
EACH_TOGGLES = pytest.mark.parametrize(
    "toggles", [FROZEN, EVERYTHING], ids=["frozen", "everything"]
)


def orders(count: int, lines: int) -> list[Order]:
    """Create orders of different customers, with options, a coupon and a promotion."""
    market, promotion = MarketFactory(), PromotionFactory()
    coupon = CouponFactory()
    skus = [SkuFactory(stock=10**6) for _ in range(lines)]
    return [
        placed_order(
            lines=[{"sku": sku} for sku in skus],
            market=market,
            customer=CustomerFactory(),
            payment_source=PaymentSourceFactory(),
            promotions=[promotion],
            coupon=coupon,
        )
        for _ in range(count)
    ]


def cost(function: Any, *arguments: Any, **keywords: Any) -> list[str]:
    """Return the statements of a call, without their values."""
    with CaptureQueriesContext(connection) as queries:
        function(*arguments, **keywords)
    statements = [re.sub(r"'\[\[.*\]\]'", "#", one["sql"]) for one in queries.captured_queries]
    return [re.sub("[0-9]+", "#", statement[:60]) for statement in statements]


@EACH_TOGGLES
def test_run_batch__query_count_is_constant(toggles: dict[str, bool]) -> None:
    """Claim, plan, write, place, cancel and end, for any number of copies and lines.

    Claim: SELECT an expired lease, SELECT pending keys, UPDATE them, SELECT the copies,
    INSERT start events.
    Plan: SELECT orders, markets, payment methods, payment sources, coupons, coupon uses, lines,
    options, addresses, SKUs with stock, reservations, promotions, wallets.
    Pay: SAVEPOINT, SELECT the copies (locked), SELECT open payments, INSERT them, RELEASE.
    Write: SELECT the sources to be cancelled (locked), their lines, options, addresses; INSERT
    orders, their events, lines, options, addresses; SELECT the new orders.
    Place: SELECT orders, lines, reservations, stock items, coupon uses, coupons (codes, then
    locked), promotions, coupon uses by customer, addresses, what is sold and shipped; DELETE
    transferred reservations; UPDATE stock items; INSERT reservations; DELETE transferred coupon
    uses; UPDATE coupons; INSERT coupon uses, authorizations; UPDATE orders; INSERT events.
    DELETE open payments.
    Cancel: SELECT orders, reservations, coupon uses; DELETE reservations; SELECT and UPDATE
    authorizations; UPDATE orders; INSERT events; SELECT subscriptions.
    End: UPDATE the copies, INSERT their events.
    Void: SELECT payments to be voided; SELECT and UPDATE authorizations to be voided.
    """
    # given
    one = [OrderCopy(source_order=order, **toggles) for order in orders(1, 1)]
    many = [OrderCopy(source_order=order, **toggles) for order in orders(50, 40)]

    # when
    copying.request_copies(one, actor=stories.WHO)
    cost_of_one = cost(run_batch, worker="w1")
    copying.request_copies(many, actor=stories.WHO)
    cost_of_many = cost(run_batch, worker="w1")

    # then
    assert set(OrderFactory.objects.values_list("status", "errors_count")) == {("completed", 0)}
    assert cost_of_many == cost_of_one


@EACH_TOGGLES
def test_run_batch__query_count_is_constant_with_failing_copies(
    toggles: dict[str, bool],
) -> None:
    # given
    def mixed(count: int) -> list[OrderCopy]:
        copies = [OrderCopy(source_order=order, **toggles) for order in orders(count, 3)]
        failing = placed_order(lines=[{"sku": SkuFactory(on_sale=False)}, {}])
        unplaceable = placed_order(payment_source=None, addresses=False)
        for source in [failing, unplaceable] * count:
            copies.append(OrderCopy(source_order=source, **toggles))  # noqa: PERF401
        return copies

    few, many = mixed(2), mixed(12)

    # when
    copying.request_copies(few, actor=stories.WHO)
    cost_of_few = cost(run_batch, worker="w1")
    copying.request_copies(many, actor=stories.WHO)
    cost_of_many = cost(run_batch, worker="w1")

    # then
    assert cost_of_many == cost_of_few


def test_request_copies__query_count_is_constant() -> None:
    """SAVEPOINT, SELECT the sources (locked), INSERT the copies, INSERT their events, RELEASE.

    And the lock timeout: PostgreSQL sets and resets it, MariaDB reads it before.
    """
    # given
    limit = {"sqlite": 0, "postgresql": 2, "mysql": 3}[connection.vendor]
    sources = orders(3, 1)
    one = [OrderCopy(source_order=sources[0])]
    many = [OrderCopy(source_order=source) for source in sources * 30]

    # when
    cost_of_one = cost(copying.request_copies, one, actor=stories.WHO)
    cost_of_many = cost(copying.request_copies, many, actor=stories.WHO)

    # then
    assert len(cost_of_many) == len(cost_of_one) == 5 + limit


@EACH_TOGGLES
def test_preview__query_count_is_constant(toggles: dict[str, bool]) -> None:
    """SELECT orders, markets, payment methods, payment sources, coupons, coupon uses, lines,
    options, addresses, SKUs with stock, reservations, promotions, wallets.
    """
    # given
    one = [OrderCopy(source_order=order, **toggles) for order in orders(1, 1)]
    many = [OrderCopy(source_order=order, **toggles) for order in orders(30, 20)]

    # when
    cost_of_one = cost(copying.preview_copies, one)
    cost_of_many = cost(copying.preview_copies, many)

    # then
    assert cost_of_many == cost_of_one
    assert all(statement.lstrip("(").startswith("SELECT") for statement in cost_of_one)


def test_run_batch__query_count_of_an_idle_worker() -> None:
    """SELECT a due subscription, and an expired lease.

    SAVEPOINT, SELECT pending copies, RELEASE. Then SELECT payments to be voided, SELECT a draft to
    be previewed, SELECT authorizations to be voided.
    """
    assert len(cost(run_batch, worker="w1")) == 8
