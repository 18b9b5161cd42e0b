"""Kill points: the steps at which a process kills or freezes itself."""

import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing import Value
from typing import Any

#: The steps of a worker, in the order in which it reaches them.
STEPS = (
    "before commit of a schedule",
    "after claim",
    "after plan",
    "before authorizing",
    "after authorizing",
    "during write",
    "before place",
    "between place and cancel",
    "before settling",
    "before commit",
    "after commit",
    "after voiding",
)
#: The steps of a client.
CLIENT_STEPS = (
    "before commit of a request",
    "after commit, before wake-up",
    "after authorizing by hand",
    "after commit of a cancel, before voiding",
)

#: The steps that are reached rarely.
RARE = frozenset({"before commit of a schedule", "after voiding", *CLIENT_STEPS[2:]})

#: The steps at which a worker is frozen for longer than its leases, so that another worker takes
#: over: outside and inside of its transaction.
FREEZING = ("after plan", "during write", "after authorizing", "between place and cancel")


@dataclass
class KillPoint:
    """Kill or freeze a process when it reaches a step for the nth time (``visits``)."""

    step: str
    visits: int = 1
    #: Whether the process is frozen instead. ``frozen_at`` is the monotonic time since when, shared
    #: with the process that thaws it.
    freezes: bool = False
    frozen_at: Any = field(default_factory=lambda: Value("d", 0))

    def trigger(self) -> None:
        """Kill or freeze this process."""
        if self.freezes:
            self.frozen_at.value = time.monotonic()
        os.kill(os.getpid(), signal.SIGSTOP if self.freezes else signal.SIGKILL)


_armed: list[KillPoint] = []


def arm(kill_point: KillPoint | None) -> None:
    """Set the kill point of this process, or none."""
    _armed[:] = [kill_point] if kill_point else []


def reached(step: str, *_: Any, **__: Any) -> None:
    """Report that this process has reached a step; trigger its kill point if it is due."""
    for kill_point in list(_armed):
        if kill_point.step == step:
            kill_point.visits -= 1
        if kill_point.visits <= 0:
            _armed.remove(kill_point)
            kill_point.trigger()
