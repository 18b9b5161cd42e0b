"""Serve the demo shop by real servers, for programs that test its API from outside.

This process needs no Django: :func:`demo_shop` configures the processes that are started later by
environment variables.
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
from functools import partial
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
        """Start gunicorn with these options; return its port.

        The server is not ready yet: call :meth:`wait_for`.
        """
        port = port or free_port()
        changed = [f"--env={name}={value}" for name, value in environment.items()]
        arguments = [*web_server(f"{HOST}:{port}"), *changed, *options]
        self.processes.start(name, *arguments, output=self.log)
        return port

    def drain(self) -> None:
        """Run all pending copies. Raises if the worker fails."""
        command = [sys.executable, *WORKER, "--drain"]
        subprocess.run(command, cwd=ROOT, stdout=self.log, stderr=self.log, check=True)

    def wait_for(self, *ports: int) -> None:
        """Wait until all these ports accept connections. Raises if a server stops."""
        for port in ports:
            self.processes.wait_until(
                partial(_accepts_connections, port), what="A server", seconds=60
            )


@contextmanager
def demo_shop(
    log: Path, database: Mapping[str, str] | None = None, *, has_worker: bool = True
) -> Iterator[DemoShop]:
    """Run a demo shop while the context lasts; its processes write to the file ``log``.

    ``database``: the environment variables of an empty database; by default of a new SQLite file.
    Without a worker no copy runs until :meth:`DemoShop.drain` is called.
    """
    log.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch, log.open("wb") as log_file, Processes() as processes:
        directory = Path(scratch)
        file = {"DATABASE": "sqlite", "DATABASE_NAME": str(directory / "shop.sqlite3")}
        os.environ |= {
            **(database or file),
            "STATIC_ROOT": str(directory / "static"),
            "RATE_LIMITS": "off",
        }
        applications = _prepare(log_file)
        if has_worker:
            processes.start("worker", *WORKER, "--interval", "0.05", output=log_file)
        yield DemoShop(directory, applications, processes, log_file)


def free_port() -> int:
    """Return a port that is not in use."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def lasting_port() -> int:
    """Return a port that no other process gets by chance while its server restarts.

    It is below the range of ephemeral ports, which begins at 32768 or 49152.
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


def _accepts_connections(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
