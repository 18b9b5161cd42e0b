"""A client of the shop: it requests copies, changes others, and is killed.

Each request has a unique reference, so that after a database error the client can find out whether
it was committed. The client prints the reference of each request that it knows to be committed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from django.db import Error, connection, transaction

from order_copies import copying
from order_copies.exceptions import OrderCopyGoneError, RowsLockedError, SourceOrderGoneError
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.transitions import ABORTABLE, RETRYABLE
from orders.exceptions import OrderGoneError
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Order
from tests.chaos.kill_points import reached
from tests.chaos.retrying import retry
from tests.chaos.sources import RandomCopies

WHO = {"owner": {"type": "users", "id": "1", "email": "chaos@example.com"}}
#: Seconds for which the client retries.
TIMEOUT = 120
#: Errors after which the client retries or goes on.
ERRORS = (
    Error,
    OrderCopyGoneError,
    OrderGoneError,
    RowsLockedError,
    SourceOrderGoneError,
)
_retry_errors = partial(retry, timeout=TIMEOUT, errors=ERRORS)


def run(name: str, seed: str, requests: int, size: int) -> None:
    """Send ``requests`` requests for ``size`` copies each, and change other copies in between."""
    random = Random(seed)
    random_copies = _retry_errors(partial(RandomCopies, random))
    for number in range(requests):
        reference = f"{name}/{number}"
        request(reference, partial(random_copies.draw, size, reference))
        for act in (_abort, _retry, _place, _cancel, _delete_order, _delete_copy):
            _once(partial(act, random))
        _retry_errors(random_copies.refresh)


def request(reference: str, make_copies: Callable[[], Sequence[OrderCopy]]) -> None:
    """Request copies exactly once, and print the reference."""
    _retry_errors(partial(_request, reference, make_copies))
    print(reference, flush=True)


def _request(reference: str, make_copies: Callable[[], Sequence[OrderCopy]]) -> None:
    if OrderFactory.objects.filter(reference=reference).exists():
        # An earlier attempt was committed, but the database could not confirm it.
        return
    order_copies = make_copies()
    with transaction.atomic():
        transaction.on_commit(partial(print, reference, flush=True))
        transaction.on_commit(partial(reached, "after commit, before wake-up"))
        copying.request_copies(order_copies, actor=WHO)
        reached("before commit of a request")


def _once(act: Callable[[], None]) -> None:
    try:
        act()
    except ERRORS:
        connection.close()


def _some(random: Random, count: int, **conditions: object) -> list[OrderFactory]:
    found = OrderFactory.objects.filter(**conditions).exclude(reference_origin="short")
    keys = list(found.values_list("pk", flat=True))
    return list(OrderFactory.objects.filter(pk__in=random.sample(keys, min(count, len(keys)))))


def _abort(random: Random) -> None:
    copying.abort(_some(random, 2, status__in=ABORTABLE), actor=WHO)


def _retry(random: Random) -> None:
    copying.retry(_some(random, 4, status__in=RETRYABLE, target_order=None), actor=WHO)


def _delete_copy(random: Random) -> None:
    aborted = _some(random, 1, status=Status.ABORTED, order_subscription=None)
    copying.delete(aborted, actor=WHO)


def _cancel(random: Random) -> None:
    placed = _some(random, 1, target_order__isnull=False, place_target_order=True)
    with transaction.atomic():
        # Registered first, so it runs before the gateway is called.
        transaction.on_commit(partial(reached, "after commit of a cancel, before voiding"))
        cancel([order_copy.target_order_id for order_copy in placed], who=WHO)


def _place(random: Random) -> None:
    left = _some(random, 2, status=Status.FAILED, target_order__status=Order.Status.PENDING)
    if left:
        run_action(
            ORDER_ACTIONS["_place"], [order_copy.target_order_id for order_copy in left], who=WHO
        )


def _delete_order(random: Random) -> None:
    leaving = list(Order.objects.filter(reference="leaving", reference_origin="chaos"))
    if leaving and random.random() < 0.7:
        random.choice(leaving).delete()
