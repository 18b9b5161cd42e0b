"""The processes of a shop whose workers are woken by Celery."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from order_copies.engines import jobs
from tests.chaos.kill_points import KillPoint
from tests.chaos.processes import ProcessPool, Workers

#: Seconds after which a task ends, so that the worker can handle a signal.
SLICE = 0.5
ALONE = ("--without-mingle", "--without-gossip", "--without-heartbeat")


class CeleryWorkers(Workers):
    """Celery workers, each a single process that runs its tasks itself."""

    def target(self) -> Callable[[], None]:
        return partial(_work, f"worker-{self.started}")


class Beats(ProcessPool):
    """Celery's beat, which schedules the search for lost copies. It works until the end."""

    steps: Sequence[str] = ()

    def __init__(self, random: Random, log: Path) -> None:
        super().__init__(1, self.steps, random, log)

    def next_kill_point(self) -> KillPoint | None:
        return None

    def target(self) -> Callable[[], None]:
        return _beat

    def stop(self) -> None:
        """Kill it: a SIGTERM while it sends is lost in redis-py, and it fails on a closed file."""
        for process in self.alive:
            process.kill()
        super().stop()


def _app() -> Any:
    return import_module("project.celery").app


def _work(name: str) -> None:
    jobs.SLICE = SLICE  # type: ignore[assignment]
    _app().worker_main(
        ["worker", "--pool=solo", "--loglevel=warning", f"--hostname={name}-{os.getpid()}", *ALONE]
    )


def _beat() -> None:
    _app().Beat(loglevel="warning").run()
