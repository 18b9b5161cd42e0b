"""The processes of the shop: started, supervised, killed and replaced.

They are forks of a process that has imported all code and holds no connection: starting Python for
each of them would take most of the time of a run.
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
from tests.chaos import client, kill_points
from tests.chaos.kill_points import CLIENT_STEPS, FREEZING, RARE, STEPS, KillPoint

#: Seconds within which a worker must stop after SIGTERM.
GRACE = 120
#: Maximum number of visits of its step before a kill point triggers.
MOST_VISITS = 4
#: Seconds for which a process is frozen: longer than its leases last.
FROZEN_FOR = 3

_context = multiprocessing.get_context("fork")


class Process:
    """A process of the shop, which ends at its kill point, or as ``end`` says."""

    def __init__(
        self, target: Callable[[], None], kill_point: KillPoint | None, log: IO[bytes]
    ) -> None:
        self.kill_point = kill_point
        #: How this process was ended from outside, if it was.
        self.end = ""
        #: Monotonic time of its SIGTERM; 0 without one.
        self.terminated_at = 0.0
        connections.close_all()
        self.child = _context.Process(target=_run, args=(target, kill_point, log))
        self.child.start()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self.child.exitcode is not None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, and was not killed or terminated from here."""
        return not (self.has_ended or self.end)

    @property
    def step(self) -> str:
        """The step at which the process will be killed, if any."""
        return self.kill_point.step if self.kill_point and not self.kill_point.freezes else ""

    @property
    def is_frozen(self) -> bool:
        """Whether the process has frozen itself, and was not thawed."""
        return bool(self.kill_point and self.kill_point.frozen_at.value)

    def thaw(self) -> bool:
        """Continue the process if it was frozen for long enough; return whether it was."""
        if self.kill_point is None or not self.is_frozen:
            return False
        if time.monotonic() < self.kill_point.frozen_at.value + FROZEN_FOR:
            return False
        self.kill_point.frozen_at.value = 0
        self.signal(signal.SIGCONT)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.child.pid is not None and not self.has_ended:
            os.kill(self.child.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.end = "killed at random"
        self.child.kill()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.end, self.terminated_at = "terminated", time.monotonic()
        self.child.terminate()

    def how_it_ended(self) -> str:
        """Return how the process ended. Raises AssertionError if it failed by itself."""
        status = self.child.exitcode
        if status == -signal.SIGKILL:
            return self.end or f"killed {self.step}"
        if status == 0:
            return self.end or "done"
        # Before a process has installed its handler, the signal ends it, or the handler of the
        # process that it was forked from.
        if self.terminated_at and status in {-signal.SIGTERM, 128 + signal.SIGTERM}:
            return self.end
        if self.terminated_at and status == RELEASED:
            return "terminated in the middle of a batch"
        message = f"A process failed with exit status {status}: see its log."
        raise AssertionError(message)


def _run(target: Callable[[], None], kill_point: KillPoint | None, log: IO[bytes]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    faulthandler.register(signal.SIGUSR1, log)
    random.seed()
    kill_points.arm(kill_point)
    target()


def run_in_process(work: Callable[[], None]) -> None:
    """Call ``work`` in a new process, so that it leaves no thread and no connection here."""
    child = _context.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0, "the process failed: see its traceback"


class ProcessPool:
    """A number of processes of one kind. All are killed when the context ends."""

    def __init__(self, size: int, steps: Sequence[str], random: Random, log: Path) -> None:
        self.size = size
        self._steps = steps
        self._random = random
        self._log = log.open("wb")
        self._processes: list[Process] = []
        #: Number of ended processes by how they ended.
        self.ends: Counter[str] = Counter()
        #: Maximum number of seconds between SIGTERM and the end of a process.
        self.longest_stop = 0.0
        self.started = self.thawed = 0
        self.has_kill_points = True

    def supervise(self) -> None:
        """Record ended processes, thaw frozen ones, and start replacements.

        Raises AssertionError if a process does not stop within ``GRACE`` seconds after SIGTERM.
        """
        for process in list(self._processes):
            if process.has_ended:
                self._record_end(process)
            elif process.thaw():
                self.thawed += 1
            elif process.terminated_at and time.monotonic() > process.terminated_at + GRACE:
                self._dump_tracebacks()
                message = f"A worker did not stop within {GRACE} seconds after SIGTERM."
                raise AssertionError(message)
        while len(self.alive) < self.size:
            self._processes.append(self._start())
            self.started += 1

    def _dump_tracebacks(self) -> None:
        for process in self._processes:
            process.signal(signal.SIGUSR1)
        time.sleep(0.5)

    def _record_end(self, process: Process) -> None:
        self._processes.remove(process)
        self.ends[process.how_it_ended()] += 1
        if process.terminated_at:
            seconds = time.monotonic() - process.terminated_at
            self.longest_stop = max(self.longest_stop, seconds)

    def _start(self) -> Process:
        kill_point = self.next_kill_point() if self.has_kill_points else None
        return Process(self.target(), kill_point, self._log)

    def target(self) -> Callable[[], None]:
        """Return the function that the next process calls."""
        raise NotImplementedError

    def next_kill_point(self) -> KillPoint | None:
        """Return a kill point at the step with the fewest kills, planned ones included."""
        planned = Counter(process.step for process in self._processes)
        kills = {step: self.ends[f"killed {step}"] + planned[step] for step in self._steps}
        step = min(kills, key=lambda step: (kills[step], self._random.random()))
        return KillPoint(step, 1 if step in RARE else self._random.randint(1, MOST_VISITS))

    @property
    def alive(self) -> list[Process]:
        """The processes that run and were not killed or terminated, the oldest first."""
        return [process for process in self._processes if process.is_alive]

    def fewest_kills(self) -> int:
        """Return the number of kills at the step with the fewest."""
        return min(self.ends[f"killed {step}"] for step in self._steps)

    def choose(self) -> Process | None:
        """Return a random process that is alive and not frozen, if any."""
        alive = [process for process in self.alive if not process.is_frozen]
        return self._random.choice(alive) if alive else None

    def disarm(self) -> None:
        """Replace all processes that have a kill point by processes without one."""
        self.has_kill_points = False
        for process in self.alive:
            if process.kill_point:
                process.terminate()

    def stop(self) -> None:
        """Terminate all processes, start no more, and wait until all have ended."""
        self.size = 0
        for process in self.alive:
            process.terminate()
        while self._processes:
            self.supervise()
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


class Workers(ProcessPool):
    """Workers, as ``manage.py order_copies_worker`` runs them."""

    def __init__(self, size: int, random: Random, log: Path) -> None:
        super().__init__(size, STEPS, random, log)

    def next_kill_point(self) -> KillPoint | None:
        """Freeze every fifth worker instead of killing it."""
        if self.started % 5:
            return super().next_kill_point()
        # On SQLite a worker that is frozen inside its transaction holds the only write lock.
        steps = FREEZING[::2] if connection.vendor == "sqlite" else FREEZING
        step = steps[self.started // 5 % len(steps)]
        return KillPoint(step, self._random.randint(1, MOST_VISITS), freezes=True)

    def target(self) -> Callable[[], None]:
        command = ["manage.py", "order_copies_worker", "--verbosity", "0", "--skip-checks"]
        return partial(execute_from_command_line, command)


class Clients(ProcessPool):
    """Clients, one after the other."""

    #: Requests per client, and copies per request.
    REQUESTS = 8
    SIZE = 20

    def __init__(self, seed: str, random: Random, log: Path) -> None:
        super().__init__(1, CLIENT_STEPS, random, log)
        self._seed = seed

    def target(self) -> Callable[[], None]:
        name = f"client-{self.started}"
        return partial(client.run, name, f"{self._seed} {name}", self.REQUESTS, self.SIZE)
