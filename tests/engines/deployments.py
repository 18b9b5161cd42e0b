"""A deployment of a shop: an engine with its broker, a database, a worker and clients."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import psycopg
from kombu import Connection
from redis import Redis

ROOT = Path(__file__).resolve().parents[2]
SERVER = {"host": "127.0.0.1", "user": "postgres", "autocommit": True}
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/11"
GUIDE = (ROOT / "docs" / "how-to" / "run-workers.md").read_text()


def documented(command: str) -> tuple[str, ...]:
    """Return the arguments with which Python runs a command that the guide documents."""
    assert command in GUIDE
    program, *arguments = command.split()
    return (*arguments,) if program == "python" else ("-m", program, *arguments)


POLLING = documented("python manage.py order_copies_worker")
SWEEP = documented("python manage.py order_copies_wake")
DB_WORKER = (*documented("python manage.py db_worker"), "--interval=0.1", "--no-startup-delay")
CELERY = (*documented("celery -A project worker"), "--concurrency=2", "--loglevel=info")
BEAT = documented("celery -A project beat")
CLIENT = ("-m", "tests.engines.client")


@dataclass(frozen=True)
class Kind:
    """An engine with its database, the command of its worker, and its broker."""

    engine: str
    database: str
    worker: tuple[str, ...]
    broker: str = ""


KINDS = {
    "polling on PostgreSQL": Kind("polling", "postgresql", POLLING),
    "django.tasks on SQLite": Kind("django.tasks", "sqlite", DB_WORKER),
    "django.tasks on PostgreSQL": Kind("django.tasks", "postgresql", DB_WORKER),
    "Celery with RabbitMQ": Kind("celery", "postgresql", CELERY, RABBITMQ),
    "Celery with Redis": Kind("celery", "sqlite", CELERY, REDIS),
}


class Client:
    """The parent's side of a client process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._read() == "ready"

    def request(self, **arguments: Any) -> Any:
        """Request copies: see :func:`tests.engines.client.request`."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """Close the input of the process and wait for its end."""
        self._process.communicate(timeout=120)

    def _read(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@dataclass
class Deployment:
    """A shop with its database and broker, and a worker that tests can kill."""

    kind: Kind
    database: str
    folder: Path
    log: IO[bytes]
    queue: str = field(default_factory=lambda: f"engines_{uuid4().hex[:8]}")
    worker: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of all processes."""
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.engines.settings",
            "ENGINE": self.kind.engine,
            "DATABASE": self.kind.database,
            "DATABASE_NAME": self.database,
            "CELERY_BROKER_URL": self.kind.broker,
            "QUEUE": self.queue,
            "BEAT_SCHEDULE": str(self.folder / "celerybeat-schedule"),
        }

    def process(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start Python with these arguments, in a process group of its own."""
        logged = {"stdout": self.log, "stderr": self.log, "env": self.environment}
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            start_new_session=True,
            text=True,
            **logged | options,
        )

    def run(self, *arguments: str) -> None:
        """Run Python with these arguments; it must succeed."""
        assert self.process(*arguments).wait(timeout=120) == 0

    @contextmanager
    def client(self, **changes: str) -> Iterator[Client]:
        """Run a client process with these changes of the environment."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = self.process(*CLIENT, env=self.environment | changes, **pipes)
        with closing(Client(process)) as client:
            yield client

    def start(self) -> None:
        """Start the worker."""
        # Celery workers on one machine need different names.
        name = [f"--hostname={self.queue}@%h"] if self.kind.engine == "celery" else []
        self.worker = self.process(*self.kind.worker, *name)

    def restart_if_ended(self, seconds: float = 5) -> None:
        """Start the worker again if it ends within ``seconds``, as a supervisor does.

        If Redis goes down while Celery's worker holds a message, Kombu raises AttributeError, and
        the worker ends.
        """
        assert self.worker is not None
        with suppress(subprocess.TimeoutExpired):
            self.worker.wait(timeout=seconds)
            self.start()

    def kill(self) -> None:
        """Kill the worker with all its child processes."""
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def stop(self) -> int:
        """Terminate the worker; return its exit status."""
        assert self.worker is not None
        self.worker.terminate()
        return self.worker.wait(timeout=120)

    @contextmanager
    def sweep(self) -> Iterator[None]:
        """Run the search for lost copies: by Celery's beat, or by the command for cron."""
        if self.kind.engine != "celery":
            self.run(*SWEEP)
            yield
            return
        beat = self.process(*BEAT)
        try:
            yield
        finally:
            beat.terminate()
            beat.wait(timeout=120)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        if self.kind.database == "sqlite":
            with closing(sqlite3.connect(self.database)) as connection:
                return connection.execute(sql).fetchall()
        with psycopg.connect(dbname=self.database, **SERVER) as connection:
            return connection.execute(sql).fetchall()

    def count(self) -> dict[str, int]:
        """Return the number of copies by status."""
        sql = "SELECT status, COUNT(*) FROM order_copies_orderfactory GROUP BY status"
        return dict(self.rows(sql))

    def wait_until_all_have_ended(self, seconds: float = 120) -> None:
        """Wait until no copy is pending or in progress."""
        deadline = time.monotonic() + seconds
        while (count := self.count()).keys() & {"pending", "in_progress"}:
            assert time.monotonic() < deadline, count
            time.sleep(0.05)


@contextmanager
def deployment(kind: Kind, folder: Path, log: IO[bytes]) -> Iterator[tuple[Deployment, Client]]:
    """Run a deployment with one order, a worker and a client, while the context lasts."""
    with database(kind.database, folder) as name:
        shop = Deployment(kind, name, folder, log)
        with shop.client() as client:
            shop.start()
            try:
                yield shop, client
            finally:
                shop.kill()
                delete_queue(shop)


@contextmanager
def database(vendor: str, folder: Path) -> Iterator[str]:
    """Create an empty database and yield its name."""
    if vendor == "sqlite":
        yield str(folder / "shop.sqlite3")
        return
    name = f"engines_{uuid4().hex[:8]}"
    with psycopg.connect(dbname="postgres", **SERVER) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def delete_queue(shop: Deployment) -> None:
    """Delete the queue and its keys from the broker."""
    if shop.kind.broker == REDIS:
        with Redis.from_url(REDIS) as redis:
            redis.delete(*redis.scan_iter(f"{shop.queue}:*"))
    elif shop.kind.broker:
        with Connection(shop.kind.broker) as broker:
            broker.default_channel.queue_delete(shop.queue)
            broker.default_channel.exchange_delete(shop.queue)
