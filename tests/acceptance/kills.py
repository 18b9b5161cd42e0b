"""Kill a worker at each statement of a batch, and look what another worker makes of it."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from django.db import connection, connections
from django.utils import timezone

from order_copies.models import OpenPayment, OrderFactory, OrderSubscription
from order_copies.worker.run import run_batch
from orders.models import Authorization, Order
from tests.acceptance.processes import run
from tests.audits import audited
from tests.factories import SkuFactory, placed_order
from tests.stories import run_all

#: The number of subscriptions that are due in each batch.
COUNT = 2
#: How many processes share the statements.
STEP = 4


def run_kills(environment: dict[str, str], moment: str, first: int) -> Any:
    """Kill workers in a new process, ``before`` or ``after`` statements; return the result.

    At every :data:`STEP` th statement, from the ``first`` one on.
    """
    setup = f"import django; django.setup(); import {__name__} as kills"
    return json.loads(run(environment, f"{setup}; kills.main('{moment}', {first})"))


def main(moment: str, first: int) -> None:
    """Run a batch for each of these statements, and print what is wrong afterwards, as JSON."""
    source = placed_order(lines=[{"sku": SkuFactory(stock=10**6)}])
    orders, count, number, wrong = Order.objects.count(), 0, first, list[str]()
    has_ended = False
    while not has_ended and not wrong:
        count += COUNT
        due = dict.fromkeys(("anchor_at", "next_run_at", "due_at"), timezone.now())
        OrderSubscription.objects.bulk_create(
            OrderSubscription(source_order=source, frequency="yearly", status="active", **due)
            for _ in range(COUNT)
        )
        has_ended = _run_and_kill(moment, number)
        in_progress = OrderFactory.objects.filter(status="in_progress")
        in_progress.update(lease_expires_at=timezone.now())
        run_all()
        wrong = _wrong(count, orders)
        number += STEP
    findings = [str(finding) for finding in audited(final=True)]
    print(json.dumps({"statements": number - STEP, "wrong": wrong + findings}))


def _run_and_kill(moment: str, number: int) -> bool:
    """Run a batch in a fork that kills itself at a statement; return whether it ended before."""
    connections.close_all()
    child = os.fork()
    if not child:
        with connection.execute_wrapper(_Killer(moment, number)):
            run_batch("w1")
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


class _Killer:
    def __init__(self, moment: str, number: int) -> None:
        self.moment, self.left = moment, number

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.left -= 1
        if not self.left and self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(*arguments)
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def _wrong(count: int, orders: int) -> list[str]:
    """Return what differs from one run, one copy, one order and one payment a subscription."""
    found = {
        "subscriptions": OrderSubscription.objects.filter(
            status="active", occurrencies=1, errors_count=0, succeeded_on_last_run=True
        ).count(),
        "copies": OrderFactory.objects.count(),
        "placed": OrderFactory.objects.filter(
            status="completed", target_order__status="placed", order_subscription__isnull=False
        ).count(),
        "orders": Order.objects.count() - orders,
        "payments": Authorization.objects.filter(status="authorized").count() - orders,
        "open payments": OpenPayment.objects.count() + count,
    }
    return [f"{number} {name} of {count}" for name, number in found.items() if number != count]
