"""Story: real worker processes share one database, and one of them is killed."""

import signal
import time

from tests.acceptance.processes import rows, server, start

SHOP = """
import django
django.setup()
from django.db import transaction
from order_copies import copying
from order_copies.models import OrderCopy
from tests.factories import SkuFactory, placed_order
with transaction.atomic():
    sku = SkuFactory(stock=450)
    source = placed_order(lines=[{"sku": sku, "quantity": 1}])
    order_copies = [OrderCopy(source_order=source, place_target_order=True) for _ in range(400)]
    copying.request_copies(order_copies, actor={})
"""
SLOW_CLIENT = """
import time
import django
django.setup()
from django.db import transaction
from order_copies import copying
from order_copies.models import OrderCopy
from orders.models import Order
with transaction.atomic():
    source = Order.objects.select_for_update().earliest("pk")
    time.sleep(0.5)
    copying.request_copies([OrderCopy(source_order=source)], actor={})
"""


def expire_leases(environment: dict[str, str]) -> None:
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute(
            "UPDATE order_copies_orderfactory SET lease_expires_at = '2000-01-01 00:00:00'"
            " WHERE status = 'in_progress'"
        )


def test_two_workers__each_copy_has_one_target(
    environment: dict[str, str],
) -> None:
    # given
    drain = ("manage.py", "order_copies_worker", "--drain", "--batch-size", "7")

    # when
    workers = [start(environment, *drain) for _ in range(2)]
    output = [worker.communicate(timeout=120)[0] for worker in workers]

    # then
    assert [worker.returncode for worker in workers] == [0, 0], output
    assert rows(
        environment,
        "SELECT status, errors_count, attempt, COUNT(*), COUNT(DISTINCT target_order_id)"
        " FROM order_copies_orderfactory GROUP BY 1, 2, 3",
    ) == [("completed", 0, 1, 400, 400)], output
    assert rows(environment, "SELECT COUNT(*), COUNT(DISTINCT number) FROM orders_order") == [
        (401, 401)
    ]
    assert rows(environment, "SELECT quantity, reserved FROM orders_stockitem") == [(450, 401)]
    assert rows(environment, "SELECT COUNT(*) FROM orders_stockreservation") == [(401,)]
    assert rows(
        environment,
        "SELECT name, COUNT(*), COUNT(DISTINCT resource_id) FROM order_copies_events_event"
        " WHERE resource_type = 'order_copies' GROUP BY 1 ORDER BY 1",
    ) == [
        ("order_copies.complete", 400, 400),
        ("order_copies.create", 400, 400),
        ("order_copies.start", 400, 400),
    ]


def test_killed_worker__another_worker_finishes_its_copies(
    environment: dict[str, str],
) -> None:
    # given
    worker = start(environment, "manage.py", "order_copies_worker", "--batch-size", "3")
    assert worker.stdout is not None
    while " claimed" not in (line := worker.stdout.readline()):
        assert line, "the worker ended"

    # when
    worker.send_signal(signal.SIGKILL)
    worker.communicate()

    # then
    # One statement reads one snapshot, even if the server is still finishing a commit.
    [(in_progress, completed, orders, reserved)] = rows(
        environment,
        "SELECT COUNT(CASE WHEN status = 'in_progress' THEN 1 END),"
        " COUNT(CASE WHEN status = 'completed' THEN 1 END),"
        " (SELECT COUNT(*) FROM orders_order), (SELECT reserved FROM orders_stockitem)"
        " FROM order_copies_orderfactory",
    )
    assert in_progress <= 3
    assert completed > 0
    assert (orders, reserved) == (completed + 1, completed + 1)

    # when
    expire_leases(environment)
    other = start(environment, "manage.py", "order_copies_worker", "--drain")
    output = other.communicate(timeout=120)[0]

    # then
    assert rows(
        environment,
        "SELECT status, COUNT(*), COUNT(DISTINCT target_order_id)"
        " FROM order_copies_orderfactory GROUP BY 1",
    ) == [("completed", 400, 400)], output
    assert rows(environment, "SELECT COUNT(*) FROM orders_order") == [(401,)]
    assert rows(environment, "SELECT reserved FROM orders_stockitem") == [(401,)]


def test_started_at__never_before_created_at(environment: dict[str, str]) -> None:
    """The worker polls, and waits, while the transaction of a client holds the database."""
    # given
    worker = start(environment, "manage.py", "order_copies_worker", "--interval", "0.01")
    wait_for_rows(environment, 400)

    # when
    client = start(environment, "-c", SLOW_CLIENT)
    client_output = client.communicate(timeout=120)[0]
    wait_for_rows(environment, 401)
    worker.terminate()
    output = worker.communicate(timeout=120)[0]

    # then
    assert client.returncode == 0, client_output
    assert rows(
        environment,
        "SELECT COUNT(*) FROM order_copies_orderfactory"
        " WHERE created_at <= started_at AND started_at <= completed_at",
    ) == [(401,)], output


def wait_for_rows(environment: dict[str, str], completed: int) -> None:
    """Return when this number of copies is completed; fail after a minute."""
    count = "SELECT COUNT(*) FROM order_copies_orderfactory WHERE status = 'completed'"
    deadline = time.monotonic() + 120
    while rows(environment, count) != [(completed,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
