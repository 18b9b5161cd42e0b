"""Races: threads, each with its own connection, act on one shop at the same instant.

Each race starts with an empty database, creates its rows, runs, and returns its result. Tests run
it in a process of its own: see :func:`run_race`.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from order_copies import copying
from order_copies.db.retry import with_retries
from order_copies.events.models import Event
from order_copies.exceptions import RowsLockedError
from order_copies.models import OpenPayment, OrderCopy, OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from order_copies.transitions import ABORTABLE
from order_copies.worker.run import run_batch
from orders.models import Authorization, Coupon, CouponUse, Order, StockItem
from tests import stories
from tests.acceptance.processes import run
from tests.api import API, request_of, staff
from tests.audits import audited
from tests.factories import CouponFactory, CustomerFactory, SkuFactory, placed_order

Result = dict[str, Any]

WORKERS = 4
#: How long threads retry transient errors: all of them compete for one machine.
LONG = timedelta(seconds=30)
SWAP = {"place_target_order": True, "cancel_source_order": True}


def run_race(environment: dict[str, str], name: str) -> Any:
    """Run the race of this name in a new process; return its result."""
    setup = "import django; django.setup()"
    return json.loads(
        run(environment, f"{setup}; import {__name__} as races; races.main('{name}')")
    )


def at_once(*racers: Callable[[], Any]) -> None:
    """Call functions at the same instant, each in a thread; raise the first error of them."""
    start, errors = threading.Barrier(len(racers)), list[BaseException]()

    def race(racer: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            start.wait()
            racer()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=[racer]) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


def work(name: str) -> None:
    """Run small batches until every copy has ended, by this worker or another one."""
    while OrderFactory.objects.filter(status__in=ABORTABLE).exists():
        run_batch(name, limit=3)


def workers() -> list[Callable[[], None]]:
    """Return one function per worker that works until every copy has ended."""
    return [partial(work, f"w{number}") for number in range(WORKERS)]


def requested(sources: Sequence[Order], **toggles: bool) -> list[int]:
    """Request a copy of each source; return the keys of the copies."""
    order_copies = [OrderCopy(source_order=source, **toggles) for source in sources]
    copying.request_copies(order_copies, actor=stories.WHO)
    return [order_copy.pk for order_copy in order_copies]


def ends(keys: Sequence[int]) -> dict[str, Any]:
    """Summarize ended copies: statuses, attributes with errors, placed targets, audit findings."""
    ended = OrderFactory.objects.filter(pk__in=keys).select_related("target_order")
    return {
        "copies": Counter(order_copy.status for order_copy in ended),
        "reasons": sorted({attribute for one in ended for attribute in one.errors_log}),
        "placed": sum(
            one.target_order is not None and one.target_order.status == "placed" for one in ended
        ),
        "audit": audited(final=True),
    }


def main(name: str) -> None:
    """Empty the database, run the race of this name, and print its result as JSON."""
    call_command("flush", interactive=False, reset_sequences=False, verbosity=0)
    print(json.dumps(RACES[name]()))


# The races


def last_pieces() -> Result:
    """Fifty copies want one piece each, of ten."""
    sku = SkuFactory(stock=11)
    source = placed_order(lines=[{"sku": sku, "quantity": 1}])
    keys = requested([source] * 50, place_target_order=True)

    at_once(*workers())

    stock = StockItem.objects.get(sku=sku)
    return ends(keys) | {"stock": [stock.quantity, stock.reserved]}


def last_use_of_a_coupon() -> Result:
    """Copies for ten customers want the last use of a coupon."""
    coupon = CouponFactory(usage_limit=11)
    sources = [placed_order(coupon=coupon, customer=CustomerFactory()) for _ in range(10)]
    keys = requested(sources, place_target_order=True)

    at_once(*workers())

    uses = Coupon.objects.get(pk=coupon.pk).usage_count
    return ends(keys) | {"uses": [uses, CouponUse.objects.filter(coupon=coupon).count()]}


def two_users() -> Result:
    """Two users request a swap of the same order over the API; two workers run the swaps."""
    settings.ALLOWED_HOSTS = ["testserver"]
    source = placed_order()
    clients = [API(staff()) for _ in range(2)]
    statuses = []

    def request_and_work(client: API) -> None:
        statuses.append(client.post("/order_copies", request_of(source, **SWAP)).status_code)
        work(f"worker of {client.user.pk}")

    at_once(*(partial(request_and_work, client) for client in clients))

    keys = list(OrderFactory.objects.filter(source_order=source).values_list("pk", flat=True))
    targets = Order.objects.filter(source_order_factory__in=keys)
    payments = Authorization.objects.values_list("status", flat=True)
    cancelled = Event.objects.filter(name="orders.cancel", resource_id=str(source.pk))
    return ends(keys) | {
        "responses": statuses,
        "source": [stories.statuses(source)[0], cancelled.count()],
        "payments": [list(payments.filter(order=source)), list(payments.filter(order__in=targets))],
    }


def undone_twice() -> Result:
    """Two users undo the same swap."""
    order_copy = stories.copied(placed_order(), **SWAP)
    source, target = order_copy.source_order, order_copy.target_order

    def undo() -> None:
        copying.undo(order_copy, actor=stories.WHO)

    at_once(undo, undo)

    names = ["order_copies.undo", "orders.reinstate"]
    undone = Event.objects.filter(name__in=names).order_by("name")
    return {
        "orders": [stories.statuses(order)[:2] for order in (source, target)],
        "events": list(undone.values_list("name", flat=True)),
        "reserved": StockItem.objects.aggregate(Sum("reserved"))["reserved__sum"],
        "audit": audited(final=True),
    }


def swap_among_rivals() -> Result:
    """Copies of another order want the piece and the coupon use that a swap transfers."""
    sku, coupon = SkuFactory(stock=2), CouponFactory(usage_limit=2)
    edited, other = (
        placed_order(lines=[{"sku": sku, "quantity": 1}], coupon=coupon, customer=CustomerFactory())
        for _ in range(2)
    )
    rivals = requested([other] * 5, place_target_order=True)
    swap = requested([edited], **SWAP)
    more_rivals = requested([other] * 5, place_target_order=True)

    at_once(*workers())

    stock = StockItem.objects.get(sku=sku)
    return {
        "swap": ends(swap),
        "rivals": ends([*rivals, *more_rivals]),
        "source": stories.statuses(edited)[0],
        "stock": [stock.quantity, stock.reserved],
        "uses": Coupon.objects.get(pk=coupon.pk).usage_count,
    }


def two_claimers() -> Result:
    """One worker claims while the claim of another one is not committed yet."""
    keys = requested([placed_order()] * 5)
    claimed, done = {}, threading.Event()
    skips = connection.features.has_select_for_update_skip_locked

    def first() -> None:
        with transaction.atomic():
            claimed["first"] = stories.claim("w1", 3)
            held.set()
            claimed["had to wait"] = not done.wait(20 if skips else 0.5)

    def second() -> None:
        held.wait()
        claimed["second"] = stories.claim("w2", 3)
        done.set()

    held = threading.Event()
    at_once(first, second)

    numbers = {
        name: [keys.index(order_copy.pk) for order_copy in claimed[name]]
        for name in ("first", "second")
    }
    return numbers | {"had to wait": claimed["had to wait"]}


def schedulers() -> Result:
    """Four schedulers find a thousand due subscriptions."""
    now = timezone.now()
    due = dict.fromkeys(("anchor_at", "next_run_at", "due_at"), now)
    source = placed_order(lines=1)
    OrderSubscription.objects.bulk_create(
        OrderSubscription(source_order=source, frequency="yearly", status="active", **due)
        for _ in range(1000)
    )
    scheduled = []

    def schedule(worker: str) -> None:
        while OrderSubscription.objects.due(timezone.now()).exists():
            scheduled.append(with_retries(partial(schedule_due, worker, limit=150), patience=LONG))

    at_once(*(partial(schedule, f"w{number}") for number in range(WORKERS)))

    copies = OrderFactory.objects.filter(scheduled_for=now)
    return {
        "scheduled": sum(scheduled),
        "copies": copies.count(),
        "subscriptions with one copy": copies.values("order_subscription").distinct().count(),
        "statuses": Counter(OrderSubscription.objects.values_list("status", flat=True)),
        "events": Event.objects.filter(name="order_copies.create").count(),
    }


def cancels() -> Result:
    """Clients cancel subscriptions while workers place their copies."""
    subscriptions = renewals(30)

    def cancel() -> None:
        for one in subscriptions:
            again_while_locked(partial(changes.cancel, [one], actor=stories.WHO))

    at_once(cancel, *workers())

    copies = OrderFactory.objects.filter(order_subscription__in=subscriptions)
    placed = copies.filter(status="completed", target_order__status="placed")
    return settled(subscriptions) | {
        "placed copies without a target": copies.filter(status="completed").count() - placed.count()
    }


def aborts() -> Result:
    """People abort the copies of subscriptions while workers end them."""
    subscriptions = renewals(30)
    copies = list(OrderFactory.objects.filter(order_subscription__in=subscriptions).order_by("pk"))

    def abort() -> None:
        for order_copy in copies:
            again_while_locked(partial(copying.abort, [order_copy], actor=stories.WHO))

    at_once(abort, *workers())

    errors = OrderSubscription.objects.aggregate(errors=Sum("errors_count"))["errors"]
    aborted = OrderFactory.objects.filter(status="aborted").count()
    return settled(subscriptions) | {"errors": [errors, aborted]}


def renewals(count: int) -> list[OrderSubscription]:
    """Create running subscriptions whose copies are pending."""
    due = dict.fromkeys(("anchor_at", "next_run_at", "due_at"), timezone.now())
    source = placed_order(lines=1)
    subscriptions = OrderSubscription.objects.bulk_create(
        OrderSubscription(source_order=source, frequency="yearly", status="active", **due)
        for _ in range(count)
    )
    schedule_due("w0")
    return subscriptions


def settled(subscriptions: Sequence[OrderSubscription]) -> Result:
    """Summarize subscriptions whose copies have ended."""
    run_batch("last")
    rows = OrderSubscription.objects.filter(pk__in=[one.pk for one in subscriptions])
    copies = OrderFactory.objects.filter(order_subscription__in=subscriptions)
    return {
        "statuses": Counter(rows.values_list("status", flat=True)),
        "occurrencies": rows.aggregate(all=Sum("occurrencies"))["all"],
        "completed": copies.filter(status="completed").count(),
        "aborted": copies.filter(status="aborted").count(),
        "open payments": OpenPayment.objects.count(),
        "audit": audited(final=True),
    }


def again_while_locked(act: Callable[[], Any]) -> None:
    """Act, and try again while workers lock the rows."""
    while True:
        try:
            with_retries(act, patience=LONG)
        except RowsLockedError:
            continue
        return


RACES: dict[str, Callable[[], Result]] = {
    "last_pieces": last_pieces,
    "last_use_of_a_coupon": last_use_of_a_coupon,
    "two_users": two_users,
    "undone_twice": undone_twice,
    "swap_among_rivals": swap_among_rivals,
    "two_claimers": two_claimers,
    "schedulers": schedulers,
    "cancels": cancels,
    "aborts": aborts,
}
