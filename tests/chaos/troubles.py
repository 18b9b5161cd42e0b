"""What happens to the shop while it works."""

from collections import Counter
from collections.abc import Callable
from random import Random
from time import monotonic

from tests.chaos.brokers import Redis
from tests.chaos.crowd import Workers
from tests.chaos.servers import Server
from tests.gateway.modes import Mode
from tests.gateway.process import FakeGateway

#: How the gateway mostly is; and for how many seconds it is down, every now and then.
MIXED = {
    Mode.SLOW: 0.03,
    Mode.FAILING: 0.02,
    Mode.FALSE_ERROR: 0.02,
    Mode.NO_RESPONSE: 0.02,
    Mode.DUPLICATED: 0.1,
}
DOWN_FOR = 0.7


class Troubles:
    """Each comes again and again: after so many attempts at copies, whatever time they took."""

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
        self._every: dict[Callable[[], None], int] = {
            self._kill: 40,
            self._terminate: 90,
            self._cut: 80,
            self._darken: 120,
        }
        if server.can_restart:
            self._every[self._restart_database] = 300
        if broker:
            self._every[self._restart_broker] = 120
        self._due = {trouble: self._pause(trouble) for trouble in self._every}
        self._cures: list[tuple[float, Callable[[], None]]] = []
        self.happened: Counter[str] = Counter()

    def _pause(self, trouble: Callable[[], None]) -> float:
        return self._random.uniform(0.5, 1.5) * self._every[trouble]

    def begin(self) -> None:
        """From now on the world is as it mostly is."""
        self._brighten()

    def happen(self, attempts: int) -> None:
        """Whatever is due after so many attempts."""
        for trouble, due in self._due.items():
            if attempts > due:
                trouble()
                self._due[trouble] = attempts + self._pause(trouble)
        for cure in [cure for cure in self._cures if monotonic() > cure[0]]:
            self._cures.remove(cure)
            cure[1]()

    def end(self) -> None:
        """The world is fine from now on."""
        for _due, cure in self._cures:
            cure()
        self._gateway.set_mode(Mode.NORMAL)

    def _kill(self) -> None:
        if worker := self._workers.one():
            worker.kill()

    def _terminate(self) -> None:
        if worker := self._workers.one():
            worker.terminate()

    def _cut(self) -> None:
        self.happened["connections cut"] += self._server.cut()

    def _restart_database(self) -> None:
        self._server.restart(hard=self.happened["restarts of the database"] % 2 == 0)
        self.happened["restarts of the database"] += 1

    def _restart_broker(self) -> None:
        assert self._broker is not None
        self._broker.restart()
        self.happened["restarts of the broker"] += 1

    def _darken(self) -> None:
        self._gateway.set_mode(Mode.DOWN)
        self.happened["times that the gateway was down"] += 1
        self._cures.append((monotonic() + DOWN_FOR, self._brighten))

    def _brighten(self) -> None:
        self._gateway.set_mode(**MIXED)
