"""The scenario: one shop with one configuration, from its creation to the audit."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

from django.core.management import call_command
from django.db import connection
from django.db.models import Max, Sum

from order_copies.models import OrderFactory
from orders.models import Order
from tests.chaos.brokers import Redis
from tests.chaos.celery import Beats, CeleryWorkers
from tests.chaos.faults import Faults
from tests.chaos.invariants import is_over, violations
from tests.chaos.processes import Clients, ProcessPool, Workers, run_in_process
from tests.chaos.retrying import retry
from tests.chaos.servers import Server
from tests.chaos.sources import create_shop, request_last_pieces
from tests.gateway.process import FakeGateway

WORKERS = 3
#: Number of pending copies above which clients send no requests.
BACKLOG = 60
#: Maximum seconds of the faults, and of the work after them, on a machine that is busy.
FAULTS_TIMEOUT, END_TIMEOUT = 900, 600
#: Reads the database although its connections are cut.
_retry_errors = partial(retry, timeout=END_TIMEOUT)


class Scenario:
    """One shop; :meth:`run` returns the violated invariants."""

    def __init__(
        self,
        server: Server,
        broker: Redis | None,
        gateway: FakeGateway,
        *,
        seed: str,
        copies: int,
        kills: int,
        log: Path,
    ) -> None:
        self.random = Random(seed)
        self.server, self.broker, self.gateway = server, broker, gateway
        self.copies, self.kills = copies, kills
        self.log, self.client_log = log, log.with_suffix(".clients.log")
        kind = CeleryWorkers if broker else Workers
        self.workers: Workers = kind(WORKERS, self.random, log)
        self.clients = Clients(seed, self.random, self.client_log)
        self.pools: list[ProcessPool] = [self.workers, self.clients]
        if broker:
            self.pools.append(Beats(self.random, log.with_suffix(".beat.log")))
        self.faults = Faults(self.random, self.workers, server, broker, gateway)
        self.began = time.monotonic()

    def run(self) -> list[str]:
        """Create the shop, inject faults, wait for the end, and check the invariants."""
        run_in_process(_create)
        sources = set(Order.objects.values_list("pk", flat=True))
        with ExitStack() as stack:
            for pool in self.pools:
                stack.enter_context(pool)
            self._inject_faults()
            self._finish()
        self.seconds = time.monotonic() - self.began
        return list(violations(sources, self.gateway, self.client_log))

    def _inject_faults(self) -> None:
        self.faults.begin()
        deadline = time.monotonic() + FAULTS_TIMEOUT
        while not self._is_complete():
            assert time.monotonic() < deadline, (
                f"Not complete in {FAULTS_TIMEOUT} s.\n{self.report()}"
            )
            # With a longer backlog the kills would hit only a few of the copies.
            self.clients.size = int(_retry_errors(_pending) < BACKLOG)
            for pool in self.pools:
                pool.supervise()
            self.faults.inject(_retry_errors(_attempts))
            time.sleep(0.05)
        self.faults.end()

    def _is_complete(self) -> bool:
        fewest = min(self.workers.fewest_kills(), self.clients.fewest_kills())
        return fewest >= self.kills and _retry_errors(OrderFactory.objects.count) >= self.copies

    def _finish(self) -> None:
        self.clients.has_kill_points = False
        self.clients.stop()
        self.workers.disarm()
        deadline = time.monotonic() + END_TIMEOUT
        while not _retry_errors(is_over):
            assert time.monotonic() < deadline, f"Not ended in {END_TIMEOUT} s.\n{self.report()}"
            for pool in self.pools:
                pool.supervise()
            time.sleep(0.1)
        for pool in self.pools:
            pool.stop()

    def report(self) -> str:
        """Return the statistics of the run."""
        connection.close()
        rows = OrderFactory.objects.all()
        ends = Counter(rows.values_list("status", flat=True))
        tries = rows.aggregate(most=Max("attempt"), retried=Sum("retries"))
        ledger = self.gateway.ledger()
        authorizations = Counter(one["status"] for one in ledger["authorizations"])
        lines = {
            f"{rows.count():,} copies": ends,
            "attempts": {"in all": _attempts(), "for one, at most": tries["most"] or 0},
            "retries by clients": {"in all": tries["retried"] or 0},
            f"{self.workers.started} workers": self.workers.ends,
            f"{self.clients.started} clients": self.clients.ends,
            "faults": {
                **self.faults.counts,
                "workers frozen for longer than their leases": self.workers.thawed,
            },
            "calls of the gateway": ledger["calls"],
            "authorizations at the gateway": authorizations,
        }
        listed = [f"  {what}: {_listed(counts)}" for what, counts in lines.items()]
        slowest = f"  slowest stop after SIGTERM: {self.workers.longest_stop:.1f} s"
        return "\n".join([*listed, slowest])


def _create() -> None:
    call_command("migrate", verbosity=0)
    create_shop()
    request_last_pieces()


def _pending() -> int:
    return OrderFactory.objects.pending().count()


def _attempts() -> int:
    """Return the number of attempts at all copies since they were requested or retried."""
    return int(OrderFactory.objects.aggregate(all=Sum("attempt"))["all"] or 0)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
