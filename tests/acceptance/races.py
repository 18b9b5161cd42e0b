"""What threads with connections of their own do to one shop at the same instant.

Each race finds an empty shop, makes what it needs, runs, and tells what came of it. Tests run it
in a process of its own: see :func:`run_race`.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from order_copies import copying
from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory
from order_copies.transitions import ABORTABLE
from order_copies.worker.run import run_batch
from orders.models import Authorization, Coupon, CouponUse, Order, StockItem
from tests import stories
from tests.acceptance.processes import run
from tests.api import API, request_of, staff
from tests.audits import audited
from tests.factories import CouponFactory, CustomerFactory, SkuFactory, placed_order

Told = dict[str, Any]

WORKERS = 4
SWAP = {"place_target_order": True, "cancel_source_order": True}


def run_race(environment: dict[str, str], name: str) -> Any:
    """What the race of this name tells."""
    setup = "import django; django.setup()"
    return json.loads(
        run(environment, f"{setup}; import {__name__} as races; races.main('{name}')")
    )


def at_once(*racers: Callable[[], Any]) -> None:
    """Let all of them begin at the same instant, and wait for the last one."""
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
    """Run small batches until every copy has ended, whoever ends it."""
    while OrderFactory.objects.filter(status__in=ABORTABLE).exists():
        run_batch(name, limit=3)


def workers() -> list[Callable[[], None]]:
    """Several of them."""
    return [lambda name=f"w{number}": work(name) for number in range(WORKERS)]  # type: ignore[misc]


def requested(sources: Sequence[Order], **toggles: bool) -> list[int]:
    """The keys of pending copies, one of each source."""
    wanted = [OrderCopy(source_order=source, **toggles) for source in sources]
    copying.request_copies(wanted, who=stories.WHO)
    return [order_copy.pk for order_copy in wanted]


def ends(keys: Sequence[int]) -> dict[str, Any]:
    """How many copies came to which end, for which reasons, and what the audit has to say."""
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
    """Run a race, and print what came of it."""
    call_command("flush", interactive=False, reset_sequences=False, verbosity=0)
    print(json.dumps(globals()[name]()))


# The races


def last_pieces() -> Told:
    """Fifty copies want one piece each, of ten."""
    sku = SkuFactory(stock=11)
    source = placed_order(lines=[{"sku": sku, "quantity": 1}])
    keys = requested([source] * 50, place_target_order=True)

    at_once(*workers())

    stock = StockItem.objects.get(sku=sku)
    return ends(keys) | {"stock": [stock.quantity, stock.reserved]}


def last_use_of_a_coupon() -> Told:
    """Copies for ten customers want to use a coupon that can be used once more."""
    coupon = CouponFactory(usage_limit=11)
    sources = [placed_order(coupon=coupon, customer=CustomerFactory()) for _ in range(10)]
    keys = requested(sources, place_target_order=True)

    at_once(*workers())

    uses = Coupon.objects.get(pk=coupon.pk).usage_count
    return ends(keys) | {"uses": [uses, CouponUse.objects.filter(coupon=coupon).count()]}


def two_staff() -> Told:
    """Two people copy and cancel the same order over the API, and two workers run that."""
    settings.ALLOWED_HOSTS = ["testserver"]
    source = placed_order()
    clients = [API(staff()) for _ in range(2)]
    statuses = []

    def ask(client: API) -> None:
        statuses.append(client.post("/order_copies", request_of(source, **SWAP)).status_code)
        work(f"worker of {client.user.pk}")

    at_once(*(lambda client=client: ask(client) for client in clients))  # type: ignore[misc]

    keys = list(OrderFactory.objects.filter(source_order=source).values_list("pk", flat=True))
    targets = Order.objects.filter(source_order_factory__in=keys)
    payments = Authorization.objects.values_list("status", flat=True)
    cancelled = Event.objects.filter(name="orders.cancel", resource_id=str(source.pk))
    return ends(keys) | {
        "answers": statuses,
        "source": [stories.statuses(source)[0], cancelled.count()],
        "payments": [list(payments.filter(order=source)), list(payments.filter(order__in=targets))],
    }


def edit_among_rivals() -> Told:
    """Copies of other orders want the piece and the coupon that an order hands to its own copy."""
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


def two_claimers() -> Told:
    """One claims while the claim of another is not committed yet."""
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
