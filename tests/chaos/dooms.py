"""The steps at which a process dies, by its own hand, or freezes."""

import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing import Value
from typing import Any

#: The steps of a worker, in the order in which it comes to them.
STEPS = (
    "after claim",
    "after plan",
    "before authorizing",
    "after authorizing",
    "during write",
    "before place",
    "between place and cancel",
    "before commit",
    "after commit",
    "after voiding",
)
#: Those of a client.
CLIENT_STEPS = (
    "before commit of a request",
    "after commit, before wake-up",
    "after authorizing by hand",
    "after commit of a cancel, before voiding",
)

#: Those that nobody comes to often.
RARE = frozenset({"after voiding", *CLIENT_STEPS[2:]})

#: Where a worker is frozen for longer than its leases last, so that another one takes over: outside
#: and inside of its transaction.
FREEZING = ("after plan", "during write", "after authorizing", "between place and cancel")


@dataclass
class Doom:
    """What a process meets when it comes to a step for the so-manieth time."""

    step: str
    visits: int = 1
    #: Whether it is only frozen. Then ``frozen_at`` tells since when: shared with who thaws it.
    is_frozen: bool = False
    frozen_at: Any = field(default_factory=lambda: Value("d", 0))

    def meet(self) -> None:
        """Die, or freeze."""
        if self.is_frozen:
            self.frozen_at.value = time.monotonic()
        os.kill(os.getpid(), signal.SIGSTOP if self.is_frozen else signal.SIGKILL)


_mine: list[Doom] = []


def await_doom(doom: Doom | None) -> None:
    """From now on this process has this doom, or none."""
    _mine[:] = [doom] if doom else []


def reached(step: str, *_: Any, **__: Any) -> None:
    """This process has come to a step."""
    for doom in list(_mine):
        doom.visits -= doom.step == step
        if doom.visits <= 0:
            _mine.remove(doom)
            doom.meet()
