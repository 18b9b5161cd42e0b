"""Faults that are injected while the shop works."""

from collections import Counter
from collections.abc import Callable
from random import Random
from time import monotonic

from tests.chaos.brokers import Redis
from tests.chaos.processes import Workers
from tests.chaos.servers import Server
from tests.gateway.modes import Mode
from tests.gateway.process import FakeGateway

#: Probabilities of the gateway's modes, except while it is down.
MIXED = {
    Mode.SLOW: 0.03,
    Mode.FAILING: 0.02,
    Mode.FALSE_ERROR: 0.02,
    Mode.NO_RESPONSE: 0.02,
    Mode.DUPLICATED: 0.1,
}
#: Seconds for which the gateway is down.
DOWN_FOR = 0.7


class Faults:
    """Injects each fault once per number of attempts at copies, independently of time."""

    def __init__(
        self,
        random: Random,
        workers: Workers,
        server: Server,
        broker: Redis | None,
        gateway: FakeGateway,
    ) -> None:
        self._random = random
        self._workers, self._gateway = workers, gateway
        self._server, self._broker = server, broker
        #: The mean number of attempts between two injections of each fault.
        self._every: dict[Callable[[], None], int] = {
            self._kill: 40,
            self._terminate: 90,
            self._cut_connections: 80,
            self._stop_gateway: 120,
        }
        if server.can_restart:
            self._every[self._restart_database] = 300
        if broker:
            self._every[self._restart_broker] = 120
        #: The number of attempts at which each fault is injected next.
        self._due = {fault: self._interval(fault) for fault in self._every}
        #: Functions that end a fault, each with the time at which it is due.
        self._recoveries: list[tuple[float, Callable[[], None]]] = []
        self.counts: Counter[str] = Counter()

    def _interval(self, fault: Callable[[], None]) -> float:
        return self._random.uniform(0.5, 1.5) * self._every[fault]

    def begin(self) -> None:
        """Set the mixed modes of the gateway."""
        self._start_gateway()

    def inject(self, attempts: int) -> None:
        """Inject the faults that are due after this number of attempts, and end older ones."""
        for fault, due in self._due.items():
            if attempts > due:
                fault()
                self._due[fault] = attempts + self._interval(fault)
        for recovery in [one for one in self._recoveries if monotonic() > one[0]]:
            self._recoveries.remove(recovery)
            recovery[1]()

    def end(self) -> None:
        """End all faults."""
        for _due, recover in self._recoveries:
            recover()
        self._gateway.set_mode(Mode.NORMAL)

    def _kill(self) -> None:
        if worker := self._workers.choose():
            worker.kill()

    def _terminate(self) -> None:
        if worker := self._workers.choose():
            worker.terminate()

    def _cut_connections(self) -> None:
        self.counts["connections cut"] += self._server.cut()

    def _restart_database(self) -> None:
        self._server.restart(hard=self.counts["restarts of the database"] % 2 == 0)
        self.counts["restarts of the database"] += 1

    def _restart_broker(self) -> None:
        assert self._broker is not None
        self._broker.restart()
        self.counts["restarts of the broker"] += 1

    def _stop_gateway(self) -> None:
        self._gateway.set_mode(Mode.DOWN)
        self.counts["outages of the gateway"] += 1
        self._recoveries.append((monotonic() + DOWN_FOR, self._start_gateway))

    def _start_gateway(self) -> None:
        self._gateway.set_mode(**MIXED)
