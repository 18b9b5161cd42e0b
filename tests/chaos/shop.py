"""The reference shop, which reports the steps of :mod:`tests.chaos.kill_points`."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import connection, transaction

from order_copies.events.models import Event
from order_copies.events.recording import events_recorded
from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem
from order_copies.shops import CopyRun, Payment
from orders.copying.shop import ReferenceShop
from orders.lifecycle.gateways import Authorized, Declined, HTTPGateway
from tests.chaos.kill_points import reached

ENDS = ("complete", "fail", "abort")
#: The events of a run that has ended.
SETTLED = ("last_run_succeeded", "last_run_failed")


class ShortTimeoutGateway(HTTPGateway):
    """A gateway client with a timeout of two seconds."""

    timeout = 2

    def authorize(self, **parameters: Any) -> Authorized | Declined:
        result = super().authorize(**parameters)
        reached("after authorizing by hand")
        return result


class KillPointShop(ReferenceShop):
    """The reference shop, which reports each step."""

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
        with connection.execute_wrapper(_report_line_insert):
            super().write(runs)

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        reached("before place")
        return super().place(runs)

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        reached("between place and cancel")
        return super().cancel(runs)


def _report_line_insert(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
) -> Any:
    result = execute(sql, params, many, context)
    if "orders_lineitem" in sql and sql.startswith("INSERT"):
        reached("during write")
    return result


def _report_events(events: Sequence[Event], **_: Any) -> None:
    verbs = {event.name.rpartition(".")[2] for event in events}
    if verbs & {*ENDS}:
        reached("before settling")
    if verbs & {*ENDS, *SETTLED}:
        reached("before commit")
    # A worker requests copies for subscriptions only.
    if "create" in verbs and "worker" in events[0].who:
        reached("before commit of a schedule")


events_recorded.connect(_report_events, dispatch_uid="chaos")
