"""The story of one world: ``python -m tests.chaos.one WORLD SEED COPIES``."""

import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

from tests.chaos.brokers import Redis
from tests.chaos.worlds import WORLDS
from tests.gateway.process import ROOT, gateway_process

LOGS = ROOT / "var" / "chaos"


def main(name: str, seed: str, copies: str) -> int:
    """Start what the shop needs, and tell what came of it."""
    signal.signal(signal.SIGTERM, partial(_stop, os.getpid()))
    print(f"{name}, seed {seed}:", flush=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    world = WORLDS[name]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        gateway = stack.enter_context(gateway_process(int(seed)))
        server, broker = world.database(scratch), Redis(scratch)
        stack.enter_context(server.running())
        if world.engine == "celery":
            stack.enter_context(broker.running())
        os.environ |= {
            **server.environment,
            **broker.environment,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "ENGINE": world.engine,
            "GATEWAY_URL": gateway.url,
        }
        django.setup()
        story = import_module("tests.chaos.story").Story(
            server,
            broker if world.engine == "celery" else None,
            gateway,
            seed=f"{seed} {name}",
            copies=int(int(copies) * world.share),
            log=LOGS / f"{name}.log",
        )
        return _tell(story)


def _stop(pid: int, *_: object) -> None:
    """Clean up and stop; forks that have not forgotten this yet just stop."""
    sys.exit(1) if os.getpid() == pid else os._exit(1)


def _tell(story: Any) -> int:
    complaints = story.tell()
    print(story.report())
    for complaint in complaints:
        print(f"  WRONG: {complaint}", file=sys.stderr)
    if complaints:
        print(f"  What the workers said: {story.log}", file=sys.stderr)
        return 1
    print(f"  Nothing lost, nothing doubled, in {story.seconds:.0f} seconds.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
