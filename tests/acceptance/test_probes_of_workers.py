"""Story: an orchestrator asks whether a worker lives, and starts another one if it does not."""

from tests.acceptance.processes import rows, server, start
from tests.acceptance.test_graceful_shutdown import SHOP, start_worker, wait_until_idle

__all__ = ["SHOP"]


def probe(environment: dict[str, str]) -> tuple[int, str]:
    """The exit status of the probe, and what it says."""
    process = start(environment, "manage.py", "order_copies_health", "--this-host")
    said = process.communicate(timeout=60)[0]
    return process.returncode, said


def let_time_pass(environment: dict[str, str]) -> None:
    """Nobody has been seen for long."""
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute("UPDATE order_copies_heartbeat SET seen_at = '2000-01-01 00:00:00'")


def test_a_worker_that_hangs_is_found_and_its_successor_is_well(
    environment: dict[str, str],
) -> None:
    # given a worker in the middle of its batch
    worker = start_worker(environment)
    assert probe(environment)[0] == 0

    # when it does not come to an end with it
    let_time_pass(environment)
    status, said = probe(environment)

    # then
    assert status == 1
    assert f":{worker.pid}:" in said
    assert "hangs: not seen for" in said

    # when it is killed
    worker.kill()
    worker.communicate()
    status, said = probe(environment)

    # then
    assert status == 1
    assert "has been seen recently" in said

    # when another one is started
    successor = start(environment, "manage.py", "order_copies_worker")
    wait_until_idle(successor)
    status, said = probe(environment)
    heartbeats = rows(environment, "SELECT worker FROM order_copies_heartbeat")
    successor.terminate()
    successor.communicate(timeout=60)

    # then
    assert (status, said.splitlines()[-1][:28]) == (0, "All is well: 1 worker active")
    assert [name.split(":")[1] for (name,) in heartbeats] == [str(successor.pid)]
    assert rows(environment, "SELECT worker FROM order_copies_heartbeat") == []
