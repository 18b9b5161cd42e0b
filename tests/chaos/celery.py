"""The processes of a shop whose workers are woken by Celery."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from order_copies.engines import jobs
from tests.chaos.crowd import Crowd, Workers
from tests.chaos.dooms import Doom

#: Seconds after which a task makes room for a signal to stop, say.
SLICE = 0.5
ALONE = ("--without-mingle", "--without-gossip", "--without-heartbeat")


class CeleryWorkers(Workers):
    """Workers of Celery, each one process that runs its tasks itself."""

    def life(self) -> Callable[[], None]:
        return partial(_work, f"worker-{self.started}")


class Beats(Crowd):
    """Celery's beat, which has workers look for what was lost. Nothing happens to it."""

    steps: Sequence[str] = ()

    def __init__(self, random: Random, log: Path) -> None:
        super().__init__(1, self.steps, random, log)

    def next_doom(self) -> Doom | None:
        return None

    def life(self) -> Callable[[], None]:
        return _beat


def _app() -> Any:
    return import_module("project.celery").app


def _work(name: str) -> None:
    jobs.SLICE = SLICE  # type: ignore[assignment]
    _app().worker_main(
        ["worker", "--pool=solo", "--loglevel=warning", f"--hostname={name}-{os.getpid()}", *ALONE]
    )


def _beat() -> None:
    _app().Beat(loglevel="warning").run()
