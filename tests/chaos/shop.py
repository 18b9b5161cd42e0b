"""The reference shop, in processes that die at the steps of :mod:`tests.chaos.dooms`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from order_copies.events.models import Event
from order_copies.events.recording import events_recorded
from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem
from order_copies.shops import CopyRun, Payment
from orders.copying.shop import ReferenceShop
from orders.lifecycle import checkout
from orders.lifecycle.gateways import Authorized, Declined, HTTPGateway
from tests.chaos.dooms import reached

ENDS = ("complete", "fail", "abort")
#: What somebody who places by hand has not told us for so long is found out.
checkout.GRACE = timedelta(seconds=3)


class ImpatientGateway(HTTPGateway):
    """Takes no answer for an answer soon."""

    timeout = 2

    def authorize(self, **wanted: Any) -> Authorized | Declined:
        answer = super().authorize(**wanted)
        reached("after authorizing by hand")
        return answer


class DoomedShop(ReferenceShop):
    """The reference shop, which tells how far it has come."""

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        reached("after claim")
        plans = super().plan(order_copies)
        reached("after plan")
        return plans

    def authorize(self, payments: Sequence[Payment]) -> Iterator[Any]:
        reached("before authorizing")
        yield from super().authorize(payments)
        reached("after authorizing")

    def void(self, payments: Sequence[Payment]) -> None:
        super().void(payments)
        reached("after voiding")

    def write(self, runs: Sequence[CopyRun]) -> None:
        transaction.on_commit(partial(reached, "after commit"))
        with connection.execute_wrapper(_dying_half_written):
            super().write(runs)

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        reached("before place")
        return super().place(runs)

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        reached("between place and cancel")
        return super().cancel(runs)


def _dying_half_written(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
) -> Any:
    result = execute(sql, params, many, context)
    if "orders_lineitem" in sql and sql.startswith("INSERT"):
        reached("during write")
    return result


def _see(events: Sequence[Event], **_: Any) -> None:
    if any(event.name.rpartition(".")[2] in ENDS for event in events):
        reached("before commit")


events_recorded.connect(_see, dispatch_uid="chaos")
