"""The demo shop behind real servers, for the programs that try its API out from outside.

Needs no Django in its own process: what does comes out of the environment, which
:func:`demo_shop` changes for all that is started afterwards.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from project.demo.processes import Processes, web_server

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[1]
WORKER = ["manage.py", "order_copies_worker", "--verbosity", "0"]


@dataclass(frozen=True)
class DemoShop:
    """A demo shop with a database of its own, and a worker that runs its copies."""

    directory: Path
    #: ``client_id`` and, unless it is a sales channel, ``client_secret`` of each application.
    applications: dict[str, dict[str, str]]
    processes: Processes
    log: IO[bytes]

    def serve(self, name: str, *options: str, port: int | None = None, **environment: str) -> int:
        """Start a server with these options of gunicorn; the port that it answers on.

        It answers a little later: see :meth:`wait_for`.
        """
        port = port or free_port()
        changed = [f"--env={name}={value}" for name, value in environment.items()]
        arguments = [*web_server(f"{HOST}:{port}"), *changed, *options]
        self.processes.start(name, *arguments, output=self.log)
        return port

    def drain(self) -> None:
        """Run all copies that wait. Raises where the worker fails."""
        command = [sys.executable, *WORKER, "--drain"]
        subprocess.run(command, cwd=ROOT, stdout=self.log, stderr=self.log, check=True)

    def wait_for(self, *ports: int) -> None:
        """Return when servers answer on all these ports. Raises where one of them stops."""
        for port in ports:
            self.processes.wait_until(lambda port=port: _answers(port), what="A server", seconds=60)


@contextmanager
def demo_shop(
    log: Path, database: Mapping[str, str] | None = None, *, has_worker: bool = True
) -> Iterator[DemoShop]:
    """A demo shop for as long as the context lasts; its processes write to the file ``log``.

    ``database`` names an empty database in the variables of the environment; without it the shop
    is in a SQLite file. Without a worker no copy runs until :meth:`DemoShop.drain` is called.
    """
    log.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch, log.open("wb") as said, Processes() as processes:
        directory = Path(scratch)
        file = {"DATABASE": "sqlite", "DATABASE_NAME": str(directory / "shop.sqlite3")}
        os.environ |= {
            **(database or file),
            "STATIC_ROOT": str(directory / "static"),
            "RATE_LIMITS": "off",
        }
        applications = _prepare(said)
        if has_worker:
            processes.start("worker", *WORKER, "--interval", "0.05", output=said)
        yield DemoShop(directory, applications, processes, said)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def lasting_port() -> int:
    """A port that nobody is given by chance while the server that uses it is away for a moment.

    Systems take the ends of connections from 32768 or 49152 on.
    """
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, 20000 + secrets.randbelow(12000)))
            return int(probe.getsockname()[1])


def _prepare(log: IO[bytes]) -> dict[str, dict[str, str]]:
    command = [sys.executable, "-m", "tests.applications"]
    prepared = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, check=True)
    applications: dict[str, dict[str, str]] = json.loads(prepared.stdout.splitlines()[-1])
    return applications


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
