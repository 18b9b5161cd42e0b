"""A client of the shop: it asks for copies, intervenes in others, and dies.

What it asks for has a reference of its own, so that after trouble with the database it can look
whether it was asked for. Whatever it knows to be asked for it says.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from django.db import Error, connection, transaction

from order_copies.copying import abort_copies, delete_copies, request_copies, retry_copies
from order_copies.exceptions import OrderCopyGoneError, SourceOrderGoneError
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.transitions import ABORTABLE, RETRYABLE
from orders.exceptions import OrderGoneError
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Order
from tests.chaos.dooms import reached
from tests.chaos.sources import Wishes
from tests.chaos.steadily import steadily

WHO = {"owner": {"type": "users", "id": "1", "email": "chaos@example.com"}}
PATIENCE = 30
#: What may come between a client and what it wants to do.
TROUBLE = (Error, OrderCopyGoneError, OrderGoneError, SourceOrderGoneError)
#: Tries until there is none of it.
_steadily = partial(steadily, patience=PATIENCE, trouble=TROUBLE)


def live(name: str, seed: str, waves: int, size: int) -> None:
    """Ask so many times for so many copies, and intervene in between."""
    random = Random(seed)
    wishes = _steadily(partial(Wishes, random))
    for number in range(waves):
        reference = f"{name}/{number}"
        ask(reference, partial(wishes.some, size, reference))
        for act in (_abort, _retry, _place, _cancel, _leave, _destroy):
            _once(partial(act, random))
        _steadily(wishes.look)


def ask(reference: str, wishes: Callable[[], Sequence[OrderCopy]]) -> None:
    """Ask for copies, once."""
    _steadily(partial(_ask, reference, wishes))
    print(reference, flush=True)


def _ask(reference: str, wishes: Callable[[], Sequence[OrderCopy]]) -> None:
    if OrderFactory.objects.filter(reference=reference).exists():
        # The commit came through, though the database could not say so any more.
        return
    order_copies = wishes()
    with transaction.atomic():
        transaction.on_commit(partial(print, reference, flush=True))
        transaction.on_commit(partial(reached, "after commit, before wake-up"))
        request_copies(order_copies, who=WHO)
        reached("before commit of a request")


def _once(act: Callable[[], None]) -> None:
    try:
        act()
    except TROUBLE:
        connection.close()


def _some(random: Random, count: int, **conditions: object) -> list[OrderFactory]:
    found = OrderFactory.objects.filter(**conditions).exclude(reference_origin="short")
    keys = list(found.values_list("pk", flat=True))
    return list(OrderFactory.objects.filter(pk__in=random.sample(keys, min(count, len(keys)))))


def _abort(random: Random) -> None:
    abort_copies(_some(random, 2, status__in=ABORTABLE), who=WHO)


def _retry(random: Random) -> None:
    retry_copies(_some(random, 4, status__in=RETRYABLE, target_order=None), who=WHO)


def _destroy(random: Random) -> None:
    delete_copies(_some(random, 1, status=Status.ABORTED), who=WHO)


def _cancel(random: Random) -> None:
    placed = _some(random, 1, target_order__isnull=False, place_target_order=True)
    with transaction.atomic():
        # Registered first, so it comes before the gateway is told.
        transaction.on_commit(partial(reached, "after commit of a cancel, before voiding"))
        cancel([order_copy.target_order_id for order_copy in placed], who=WHO)


def _place(random: Random) -> None:
    left = _some(random, 2, status=Status.FAILED, target_order__status=Order.Status.PENDING)
    if left:
        run_action(
            ORDER_ACTIONS["_place"], [order_copy.target_order_id for order_copy in left], who=WHO
        )


def _leave(random: Random) -> None:
    leaving = list(Order.objects.filter(reference="leaving", reference_origin="chaos"))
    if leaving and random.random() < 0.7:
        random.choice(leaving).delete()
