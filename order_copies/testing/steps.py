"""Steps of the contract: preview, request and run copies, and interfere with a run."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.plans import CopyPlan
from order_copies.shops import Shop
from order_copies.worker.run import run_batch

ACTOR = {"owner": {"type": "users", "id": "1", "email": "contract@example.com"}}

#: The number of batches in which the copies of a test must end.
MAX_BATCHES = 50
#: The adapter methods that must run a constant number of queries.
METHODS = ("plan", "payments", "write", "place", "cancel")


def unsaved(order: Any, **toggles: bool) -> OrderCopy:
    """Return a copy that is not requested yet."""
    return OrderCopy(source_order_id=order.pk, **toggles)


def previewed(order: Any, **toggles: bool) -> CopyPlan:
    """Return the plan of a copy that is not requested."""
    [plan] = copying.preview_copies([unsaved(order, **toggles)])
    return plan


def requested(*order_copies: OrderCopy) -> Sequence[OrderCopy]:
    """Request copies, which one worker then finds in this order."""
    copying.request_copies(order_copies, actor=ACTOR)
    return order_copies


def work(worker: str = "the worker") -> None:
    """Run batches until there is nothing left to claim."""
    batches = iter(lambda: run_batch(worker).claimed, 0)
    count = sum(1 for _ in islice(batches, MAX_BATCHES))
    assert count < MAX_BATCHES, "A copy does not end: it is retried again and again."


def copied(order: Any, **toggles: bool) -> OrderFactory:
    """Request and run a copy; return it as it is in the database."""
    [order_copy] = copied_together(unsaved(order, **toggles))
    return order_copy


def copied_together(*order_copies: OrderCopy) -> list[OrderFactory]:
    """Request and run copies in one batch; return them as they are in the database."""
    requested(*order_copies)
    work()
    return stored(order_copies)


def stored(order_copies: Sequence[OrderFactory]) -> list[OrderFactory]:
    """Return copies as they are in the database."""
    return [OrderFactory.objects.get(pk=order_copy.pk) for order_copy in order_copies]


def target_of(order_copy: OrderFactory) -> Any:
    """Return the target of a copy; fails if the copy is not completed."""
    assert order_copy.status == Status.COMPLETED, f"A copy {ending(order_copy)}."
    assert order_copy.target_order is not None, "A copy is completed, but has no target."
    return order_copy.target_order


def completed(*order_copies: OrderFactory) -> list[Any]:
    """Return the targets of the copies that are completed."""
    return [one.target_order for one in order_copies if one.status == Status.COMPLETED]


def ending(order_copy: OrderFactory) -> str:
    """Return how a copy ended, as the end of a sentence."""
    return f"ended {order_copy.status}, with the errors {order_copy.errors_log}"


def is_refused(order_copy: OrderFactory) -> bool:
    """Return whether a copy failed with reasons that the shop returned."""
    codes = {outcome["code"] for outcome in order_copy.outcomes}
    refused = order_copy.status == Status.FAILED and order_copy.errors_count > 0
    return refused and not codes & {"shop_contract", "crashed"}


@contextmanager
def rolled_back() -> Iterator[None]:
    """Run a block in a transaction, and roll it back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


Around = Callable[[Callable[[], Any], Any], Any]


@contextmanager
def around(shop: Shop, method: str, wrapper: Around) -> Iterator[None]:
    """Replace a method of the shop's class by a wrapper.

    The wrapper gets a function that calls the method, and the argument of the method.
    """
    original = getattr(type(shop), method)

    def interfered(shop: Shop, argument: Any) -> Any:
        return wrapper(lambda: original(shop, argument), argument)

    with patch.object(type(shop), method, interfered):
        yield


def after_first(act: Callable[[], Any]) -> Around:
    """Return a wrapper that acts after the first call."""
    acts = [act]

    def wrapper(call: Callable[[], Any], _argument: Any) -> Any:
        answer = call()
        if acts:
            acts.pop()()
        return answer

    return wrapper


def queries_of(shop: Shop, run: Callable[[], Any]) -> dict[str, list[str]]:
    """Return the statements of each of ``METHODS`` while ``run`` runs."""
    statements: dict[str, list[str]] = {method: [] for method in METHODS}

    def counting(method: str) -> Around:
        def wrapper(call: Callable[[], Any], _argument: Any) -> Any:
            with CaptureQueriesContext(connection) as queries:
                answer = call()
            statements[method] += [query["sql"] for query in queries.captured_queries]
            return answer

        return wrapper

    with ExitStack() as stack:
        for method in METHODS:
            stack.enter_context(around(shop, method, counting(method)))
        run()
    return statements


def growth(method: str, few: Sequence[str], many: Sequence[str], more: str) -> str:
    """Return a sentence about the statements that grow with ``more``; "" if there are none."""
    if len(many) <= len(few):
        return ""
    grown = Counter(map(_shape, many)) - Counter(map(_shape, few))
    [(statement, count)] = grown.most_common(1)
    return (
        f"{method}() ran {len(few)} queries for one {more} and {len(many)} for five: "
        f"{count} more like {statement}"
    )


def _shape(statement: str) -> str:
    return re.sub(r"\d+", "#", statement[:120])
