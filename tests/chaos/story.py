"""The story of one shop in one world, from its opening to the audit."""

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
from tests.chaos.crowd import Clients, Crowd, Workers, in_a_process
from tests.chaos.proofs import complaints, is_over
from tests.chaos.servers import Server
from tests.chaos.sources import ask_for_the_last_pieces, open_shop
from tests.chaos.steadily import steadily
from tests.chaos.troubles import Troubles
from tests.gateway.process import FakeGateway

WORKERS = 3
#: How often a process must have died at each step, at least.
DEATHS = 2
#: How many copies wait for a worker, more or less.
BACKLOG = 60
#: Seconds for which chaos lasts at most, and after which all must be over.
LONGEST, PATIENCE = 300, 180
#: Looks at the database, however often somebody cuts the connection.
_steadily = partial(steadily, patience=PATIENCE)


class Story:
    """One shop; :meth:`tell` returns what is wrong in the end."""

    def __init__(
        self,
        server: Server,
        broker: Redis | None,
        gateway: FakeGateway,
        *,
        seed: str,
        copies: int,
        log: Path,
    ) -> None:
        self.random = Random(seed)
        self.server, self.broker, self.gateway = server, broker, gateway
        self.copies, self.log, self.client_log = copies, log, log.with_suffix(".clients.log")
        kind = CeleryWorkers if broker else Workers
        self.workers: Workers = kind(WORKERS, self.random, log)
        self.clients = Clients(seed, self.random, self.client_log)
        self.crowds: list[Crowd] = [self.workers, self.clients]
        if broker:
            self.crowds.append(Beats(self.random, log.with_suffix(".beat.log")))
        self.troubles = Troubles(self.random, self.workers, server, broker, gateway)
        self.began = time.monotonic()

    def tell(self) -> list[str]:
        """Open the shop, let chaos come over it, and see what is left."""
        in_a_process(_open)
        sources = set(Order.objects.values_list("pk", flat=True))
        with ExitStack() as stack:
            for crowd in self.crowds:
                stack.enter_context(crowd)
            self._live_through_chaos()
            self._come_to_rest()
        self.seconds = time.monotonic() - self.began
        return list(complaints(sources, self.gateway, self.client_log))

    def _live_through_chaos(self) -> None:
        self.troubles.begin()
        deadline = time.monotonic() + LONGEST
        while not self._has_seen_enough():
            assert time.monotonic() < deadline, f"Not enough in {LONGEST} s.\n{self.report()}"
            # Nobody asks for more than workers can do: kills would only hit those who wait.
            self.clients.size = int(_steadily(_pending) < BACKLOG)
            for crowd in self.crowds:
                crowd.keep_up()
            self.troubles.happen(_steadily(_attempts))
            time.sleep(0.05)
        self.troubles.end()

    def _has_seen_enough(self) -> bool:
        fewest = min(self.workers.fewest(), self.clients.fewest())
        return fewest >= DEATHS and _steadily(OrderFactory.objects.count) >= self.copies

    def _come_to_rest(self) -> None:
        self.clients.is_doomed = False
        self.clients.leave()
        self.workers.live_well()
        deadline = time.monotonic() + PATIENCE
        while not _steadily(is_over):
            assert time.monotonic() < deadline, f"Not over in {PATIENCE} s.\n{self.report()}"
            for crowd in self.crowds:
                crowd.keep_up()
            time.sleep(0.1)
        for crowd in self.crowds:
            crowd.leave()

    def report(self) -> str:
        """The numbers."""
        connection.close()
        rows = OrderFactory.objects.all()
        ends = Counter(rows.values_list("status", flat=True))
        tries = rows.aggregate(most=Max("attempt"), retried=Sum("retries"))
        ledger = self.gateway.ledger()
        money = Counter(one["status"] for one in ledger["authorizations"])
        lines = {
            f"{rows.count():,} copies": ends,
            "attempts": {"in all": _attempts(), "for one, at most": tries["most"] or 0},
            "retries by people": {"in all": tries["retried"] or 0},
            f"{self.workers.started} workers": self.workers.ends,
            f"{self.clients.started} clients": self.clients.ends,
            "troubles": {
                **self.troubles.happened,
                "workers frozen for longer than their leases": self.workers.thawed,
            },
            "the gateway was asked to": ledger["calls"],
            "authorizations at the gateway": money,
        }
        told = [f"  {what}: {_listed(counts)}" for what, counts in lines.items()]
        slowest = f"  slowest stop after SIGTERM: {self.workers.longest_stop:.1f} s"
        return "\n".join([*told, slowest])


def _open() -> None:
    call_command("migrate", verbosity=0)
    open_shop()
    ask_for_the_last_pieces()


def _pending() -> int:
    return OrderFactory.objects.pending().count()


def _attempts() -> int:
    """How often workers have tried copies, since these were asked for or retried."""
    return int(OrderFactory.objects.aggregate(all=Sum("attempt"))["all"] or 0)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
