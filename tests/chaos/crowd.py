"""The processes of the shop: started, watched, killed, and started anew.

They are forks of a process that has read all code already and holds no connection: a second on
this machine is worth more deaths than that.
"""

import faulthandler
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import IO, Self

from django.core.management import execute_from_command_line
from django.db import connection, connections

from order_copies.worker.shutdown import RELEASED
from tests.chaos import client, dooms
from tests.chaos.dooms import CLIENT_STEPS, FREEZING, RARE, STEPS, Doom

#: Seconds that a worker may take to stop once it was told to.
GRACE = 30
#: How often a doomed process comes to its step before it dies there, at most.
MOST_VISITS = 4
#: For how many seconds it is frozen: longer than its leases last.
FROZEN_FOR = 3

_context = multiprocessing.get_context("fork")


class Process:
    """A process of the shop, and how it is to end: of its doom, or as ``end`` says."""

    def __init__(self, life: Callable[[], None], doom: Doom | None, log: IO[bytes]) -> None:
        self.doom = doom
        self.end = ""
        self.told_at = 0.0
        connections.close_all()
        self.child = _context.Process(target=_live, args=(life, doom, log))
        self.child.start()

    @property
    def has_ended(self) -> bool:
        """Whether it is dead."""
        return self.child.exitcode is not None

    @property
    def is_alive(self) -> bool:
        """Whether it runs, and nobody has told it to end."""
        return not (self.has_ended or self.end)

    @property
    def step(self) -> str:
        """Where it is to die, if anywhere."""
        return self.doom.step if self.doom and not self.doom.is_frozen else ""

    @property
    def is_frozen(self) -> bool:
        """Whether it met such a doom, and nobody has thawed it."""
        return bool(self.doom and self.doom.frozen_at.value)

    def thaw(self) -> bool:
        """Let it go on if it was frozen for long enough; whether it was."""
        if self.doom is None or not self.is_frozen:
            return False
        if time.monotonic() < self.doom.frozen_at.value + FROZEN_FOR:
            return False
        self.doom.frozen_at.value = 0
        self.signal(signal.SIGCONT)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still lives."""
        if self.child.pid is not None and not self.has_ended:
            os.kill(self.child.pid, number)

    def kill(self) -> None:
        """``kill -9``."""
        self.end = "killed at random"
        self.child.kill()

    def terminate(self) -> None:
        """SIGTERM."""
        self.end, self.told_at = "terminated", time.monotonic()
        self.child.terminate()

    def how_it_ended(self) -> str:
        """Of what it died. Raises where it fell over by itself."""
        status = self.child.exitcode
        if status == -signal.SIGKILL:
            return self.end or f"killed {self.step}"
        if status == 0:
            return self.end or "done"
        # One that has not come to its own handler yet is stopped by the signal itself.
        if self.told_at and status == -signal.SIGTERM:
            return self.end
        if self.told_at and status == RELEASED:
            return "terminated in the middle of a batch"
        message = f"A process ended by itself, with exit status {status}: see its log."
        raise AssertionError(message)


def _live(life: Callable[[], None], doom: Doom | None, log: IO[bytes]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    faulthandler.register(signal.SIGUSR1, log)
    random.seed()
    dooms.await_doom(doom)
    life()


def in_a_process(work: Callable[[], None]) -> None:
    """Do that in a process of its own, so that no thread and no connection is left of it here."""
    child = _context.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0, "it failed, and said why"


class Crowd:
    """Some processes of one kind. Nobody is left when the context ends."""

    def __init__(self, size: int, steps: Sequence[str], random: Random, log: Path) -> None:
        self.size = size
        self._steps = steps
        self._random = random
        self._log = log.open("wb")
        self._processes: list[Process] = []
        #: How often processes ended in which way.
        self.ends: Counter[str] = Counter()
        #: The longest that it took to stop after SIGTERM, in seconds.
        self.longest_stop = 0.0
        self.started = self.thawed = 0
        self.is_doomed = True

    def keep_up(self) -> None:
        """Bury the dead, and start others in their place."""
        for process in list(self._processes):
            if process.has_ended:
                self._bury(process)
            elif process.thaw():
                self.thawed += 1
            elif process.told_at and time.monotonic() > process.told_at + GRACE:
                self._ask_where_they_hang()
                message = f"A worker did not stop within {GRACE} seconds after SIGTERM."
                raise AssertionError(message)
        while len(self.alive) < self.size:
            self._processes.append(self._start())
            self.started += 1

    def _ask_where_they_hang(self) -> None:
        for process in self._processes:
            process.signal(signal.SIGUSR1)
        time.sleep(0.5)

    def _bury(self, process: Process) -> None:
        self._processes.remove(process)
        self.ends[process.how_it_ended()] += 1
        if process.told_at:
            self.longest_stop = max(self.longest_stop, time.monotonic() - process.told_at)

    def _start(self) -> Process:
        doom = self.next_doom() if self.is_doomed else None
        return Process(self.life(), doom, self._log)

    def life(self) -> Callable[[], None]:
        """What the next one does."""
        raise NotImplementedError

    def next_doom(self) -> Doom | None:
        """At the step at which the fewest have died so far, or are about to."""
        doomed = Counter(process.step for process in self._processes)
        times = {step: self.ends[f"killed {step}"] + doomed[step] for step in self._steps}
        step = min(times, key=lambda step: (times[step], self._random.random()))
        return Doom(step, 1 if step in RARE else self._random.randint(1, MOST_VISITS))

    @property
    def alive(self) -> list[Process]:
        """Those that nobody has told to end, the oldest first."""
        return [process for process in self._processes if process.is_alive]

    def fewest(self) -> int:
        """How often processes died at the step where they died least."""
        return min(self.ends[f"killed {step}"] for step in self._steps)

    def one(self) -> Process | None:
        """One that is alive and well."""
        alive = [process for process in self.alive if not process.is_frozen]
        return self._random.choice(alive) if alive else None

    def live_well(self) -> None:
        """No more dooms: those that have one are told to stop, others come in their place."""
        self.is_doomed = False
        for process in self.alive:
            if process.doom:
                process.terminate()

    def leave(self) -> None:
        """All stop, and nobody comes any more."""
        self.size = 0
        for process in self.alive:
            process.terminate()
        while self._processes:
            self.keep_up()
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.child.kill()
            process.child.join()
        self._log.close()


class Workers(Crowd):
    """Workers, as ``manage.py order_copies_worker`` runs them."""

    def __init__(self, size: int, random: Random, log: Path) -> None:
        super().__init__(size, STEPS, random, log)

    def next_doom(self) -> Doom | None:
        """Every fifth is only frozen."""
        if self.started % 5:
            return super().next_doom()
        # One that is frozen in its transaction on SQLite holds the only lock that there is.
        steps = FREEZING[::2] if connection.vendor == "sqlite" else FREEZING
        step = steps[self.started // 5 % len(steps)]
        return Doom(step, self._random.randint(1, MOST_VISITS), is_frozen=True)

    def life(self) -> Callable[[], None]:
        command = ["manage.py", "order_copies_worker", "--verbosity", "0", "--skip-checks"]
        return partial(execute_from_command_line, command)


class Clients(Crowd):
    """Clients, one after the other."""

    WAVES = 8
    SIZE = 20

    def __init__(self, seed: str, random: Random, log: Path) -> None:
        super().__init__(1, CLIENT_STEPS, random, log)
        self._seed = seed

    def life(self) -> Callable[[], None]:
        name = f"client-{self.started}"
        return partial(client.live, name, f"{self._seed} {name}", self.WAVES, self.SIZE)
