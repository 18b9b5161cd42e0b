"""Every engine, with its real broker and real worker processes."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.brokers import Redis
from tests.engines.conftest import LOG
from tests.engines.deployments import CELERY, SWEEP, Client, Deployment, Kind, deployment

#: Seconds after which the leases of a killed worker have expired, with a margin.
LEASE = 2.5


def each_has_one_target(shop: Deployment) -> bool:
    """Return whether every copy completed with one target, and no other order was written."""
    [(copies, completed, targets, orders)] = shop.rows(
        "SELECT COUNT(*), COUNT(CASE WHEN status = 'completed' THEN 1 END),"
        " COUNT(DISTINCT target_order_id), (SELECT COUNT(*) - 1 FROM orders_order)"
        " FROM order_copies_orderfactory"
    )
    return bool(copies == completed == targets == orders)


def attempts(shop: Deployment) -> int:
    """Return the number of attempts at the last copy."""
    [(attempt,)] = shop.rows(
        "SELECT attempt FROM order_copies_orderfactory ORDER BY id DESC LIMIT 1"
    )
    return int(attempt)


def test_request__of_another_process_completes(shop: Deployment, client: Client) -> None:
    # when
    client.request(requests=20, copies=1)
    client.request(requests=1, copies=60)

    # then
    shop.wait_until_all_have_ended()
    assert each_has_one_target(shop)


def test_crash__retried_after_the_backoff(shop: Deployment, client: Client) -> None:
    # when
    client.request(reference="crashes")

    # then
    shop.wait_until_all_have_ended()
    assert attempts(shop) == 2
    assert each_has_one_target(shop)


def test_killed_worker__loses_no_copies(shop: Deployment, client: Client) -> None:
    # given
    before = shop.count().get("completed", 0)
    client.request(copies=200)
    while shop.count().get("completed", 0) < before + 20:
        time.sleep(0.01)

    # when
    shop.kill()
    left = shop.count()
    client.request()
    shop.start()
    time.sleep(LEASE)
    shop.run(*SWEEP)

    # then
    shop.wait_until_all_have_ended()
    assert left["pending"] > 0
    assert each_has_one_target(shop)


def test_killed_worker__restarted_worker_ends_its_copies_without_a_wake_up(
    shop: Deployment, client: Client
) -> None:
    # given
    before = shop.count().get("completed", 0)
    client.request(copies=60)
    while shop.count().get("completed", 0) < before + 5:
        time.sleep(0.01)

    # when
    shop.kill()
    left = shop.count()
    shop.start()

    # then
    shop.wait_until_all_have_ended()
    assert left.keys() & {"pending", "in_progress"}
    assert each_has_one_target(shop)


def test_killed_worker__copies_in_progress_are_ended(shop: Deployment, client: Client) -> None:
    # given
    client.request(reference="kills its worker")
    while shop.count().get("in_progress", 0) < 1:
        time.sleep(0.01)

    # when
    shop.kill()
    shop.start()

    # then
    shop.wait_until_all_have_ended()
    assert attempts(shop) > 1
    assert each_has_one_target(shop)


def test_killed_broker__copies_end_after_its_restart_without_a_wake_up(
    tmp_path: Path,
) -> None:
    # given
    broker = Redis(tmp_path)
    kind = Kind("celery", "sqlite", CELERY, broker.environment["CELERY_BROKER_URL"])
    with (
        broker.running(),
        LOG.open("ab") as log,
        deployment(kind, tmp_path, log) as (shop, client),
    ):
        client.request()
        shop.wait_until_all_have_ended()

        # when
        broker.stop()
        client.request(copies=20)
        pending = shop.count().get("pending")
        broker.start()
        shop.restart_if_ended()

        # then
        shop.wait_until_all_have_ended()
        assert pending == 20
        assert each_has_one_target(shop)


def test_stopped_worker__exits_with_0_and_its_successor_runs_new_copies(
    shop: Deployment, client: Client
) -> None:
    # given a worker that was stopped
    client.request()
    shop.wait_until_all_have_ended()
    status = shop.stop()
    client.request()

    # when
    shop.start()

    # then
    shop.wait_until_all_have_ended()
    assert status == 0
    assert each_has_one_target(shop)


@pytest.mark.parametrize("silent", [False, True], ids=["refusing", "silent"])
def test_lost_wake_up__request_is_fast_and_its_copies_end(shop: Deployment, silent: bool) -> None:
    # given
    before = sum(shop.count().values())
    with unreachable_broker(shop, silent=silent) as changes, shop.client(**changes) as client:
        # when
        seconds = client.request(requests=10)
        count = shop.count()

    # then
    # If each of them waited for the broker, half a second, it would be 5.
    assert sum(seconds) < 4
    assert sum(count.values()) == before + 10
    # Workers of the other engines look for copies themselves.
    assert count.get("pending", 0) == 10 or shop.kind.engine != "django.tasks"

    # when
    with shop.sweep():
        # then
        shop.wait_until_all_have_ended()
    assert each_has_one_target(shop)


@contextmanager
def unreachable_broker(shop: Deployment, *, silent: bool) -> Iterator[dict[str, str]]:
    """Yield the environment of a client whose broker refuses connections, or never responds.

    If the broker is the database itself, the client uses an engine that sends no wake-ups.
    """
    if not shop.kind.broker:
        yield {"ENGINE": "polling"}
        return
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        if silent:
            broker.listen()
        scheme, port = shop.kind.broker.partition(":")[0], broker.getsockname()[1]
        yield {"CELERY_BROKER_URL": f"{scheme}://127.0.0.1:{port}"}
