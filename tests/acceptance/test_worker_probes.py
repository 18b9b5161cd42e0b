"""Story: an orchestrator probes a worker, and replaces it when the probe fails."""

from tests.acceptance.processes import rows, server, start
from tests.acceptance.test_graceful_shutdown import SHOP, start_worker, wait_until_idle

__all__ = ["SHOP"]


def probe(environment: dict[str, str]) -> tuple[int, str]:
    """Run the probe; return its exit status and output."""
    process = start(environment, "manage.py", "order_copies_health", "--this-host")
    output = process.communicate(timeout=120)[0]
    return process.returncode, output


def age_heartbeats(environment: dict[str, str]) -> None:
    """Make all heartbeats too old."""
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute("UPDATE order_copies_heartbeat SET seen_at = '2000-01-01 00:00:00'")


def test_worker_probe__fails_for_a_hanging_worker_and_passes_for_its_successor(
    environment: dict[str, str],
) -> None:
    # given a worker in the middle of its batch
    worker = start_worker(environment)
    assert probe(environment)[0] == 0

    # when its heartbeat is too old
    age_heartbeats(environment)
    status, output = probe(environment)

    # then
    assert status == 1
    assert f":{worker.pid}:" in output
    assert "hangs: not seen for" in output

    # when it is killed
    worker.kill()
    worker.communicate()
    status, output = probe(environment)

    # then
    assert status == 1
    assert "has been seen recently" in output

    # when another one is started
    successor = start(environment, "manage.py", "order_copies_worker")
    wait_until_idle(successor)
    status, output = probe(environment)
    heartbeats = rows(environment, "SELECT worker FROM order_copies_heartbeat")
    successor.terminate()
    successor.communicate(timeout=120)

    # then
    assert (status, output.splitlines()[-1][:28]) == (0, "All is well: 1 worker active")
    assert [name.split(":")[1] for (name,) in heartbeats] == [str(successor.pid)]
    assert rows(environment, "SELECT worker FROM order_copies_heartbeat") == []
