"""Run one configuration: ``python -m tests.chaos.run_one CONFIGURATION SEED COPIES KILLS``."""

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
from tests.chaos.configurations import CONFIGURATIONS
from tests.gateway.process import ROOT, gateway_process

LOGS = ROOT / "var" / "chaos"


def main(name: str, seed: str, copies: str, kills: str) -> int:
    """Start gateway, database and broker, run the scenario, and report its result."""
    signal.signal(signal.SIGTERM, partial(_stop, os.getpid()))
    print(f"{name}, seed {seed}:", flush=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    configuration = CONFIGURATIONS[name]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        gateway = stack.enter_context(gateway_process(int(seed)))
        server, broker = configuration.database(scratch), Redis(scratch)
        stack.enter_context(server.running())
        if configuration.engine == "celery":
            stack.enter_context(broker.running())
        os.environ |= {
            **server.environment,
            **broker.environment,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "ENGINE": configuration.engine,
            "GATEWAY_URL": gateway.url,
        }
        django.setup()
        scenario = import_module("tests.chaos.scenario").Scenario(
            server,
            broker if configuration.engine == "celery" else None,
            gateway,
            seed=f"{seed} {name}",
            copies=int(int(copies) * configuration.share),
            kills=int(kills),
            log=LOGS / f"{name}.log",
        )
        return _report(scenario)


def _stop(pid: int, *_: object) -> None:
    """Exit with cleanup; a fork that still has this handler exits without."""
    if os.getpid() != pid:
        os._exit(128 + signal.SIGTERM)
    sys.exit(1)


def _report(scenario: Any) -> int:
    violations = scenario.run()
    print(scenario.report())
    for violation in violations:
        print(f"  WRONG: {violation}", file=sys.stderr)
    if violations:
        print(f"  Log of the workers: {scenario.log}", file=sys.stderr)
        return 1
    print(f"  Nothing lost or duplicated, in {scenario.seconds:.0f} seconds.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
