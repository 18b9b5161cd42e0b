"""A plant: one engine with its broker, a shop's database, and processes."""

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
    """An engine, what it works with, and how its worker is started."""

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
    """The client that a process is, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def ask(self, **wanted: Any) -> Any:
        """Ask for copies, as :func:`tests.engines.client.ask` does."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate(timeout=30)

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@dataclass
class Plant:
    """What a story needs: a shop that is asked for copies, and a worker that may die."""

    kind: Kind
    database: str
    folder: Path
    log: IO[bytes]
    queue: str = field(default_factory=lambda: f"engines_{uuid4().hex[:8]}")
    worker: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
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
        assert self.process(*arguments).wait(timeout=60) == 0

    @contextmanager
    def client(self, **changes: str) -> Iterator[Client]:
        """A process that asks for copies, with these changes of its environment."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = self.process(*CLIENT, env=self.environment | changes, **pipes)
        with closing(Client(process)) as client:
            yield client

    def start(self) -> None:
        """Start the worker."""
        # Two workers of Celery on one machine need names of their own.
        name = [f"--hostname={self.queue}@%h"] if self.kind.engine == "celery" else []
        self.worker = self.process(*self.kind.worker, *name)

    def restart_if_ended(self, seconds: float = 5) -> None:
        """Start the worker anew if it ends within ``seconds``, as its supervisor does.

        Kombu raises AttributeError, and so ends Celery's worker, where Redis goes away while the
        worker holds a message.
        """
        assert self.worker is not None
        with suppress(subprocess.TimeoutExpired):
            self.worker.wait(timeout=seconds)
            self.start()

    def kill(self) -> None:
        """Kill the worker with all its children, at once."""
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def stop(self) -> int:
        """Stop the worker as an administrator does; its exit status."""
        assert self.worker is not None
        self.worker.terminate()
        return self.worker.wait(timeout=30)

    @contextmanager
    def sweep(self) -> Iterator[None]:
        """Have somebody look for what was lost: Celery's beat does, or cron's command."""
        if self.kind.engine != "celery":
            self.run(*SWEEP)
            yield
            return
        beat = self.process(*BEAT)
        try:
            yield
        finally:
            beat.terminate()
            beat.wait(timeout=30)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        if self.kind.database == "sqlite":
            with closing(sqlite3.connect(self.database)) as connection:
                return connection.execute(sql).fetchall()
        with psycopg.connect(dbname=self.database, **SERVER) as connection:
            return connection.execute(sql).fetchall()

    def count(self) -> dict[str, int]:
        """How many copies there are, by status."""
        sql = "SELECT status, COUNT(*) FROM order_copies_orderfactory GROUP BY status"
        return dict(self.rows(sql))

    def wait_until_all_have_ended(self, seconds: float = 20) -> None:
        """Return when nothing is pending or in progress."""
        deadline = time.monotonic() + seconds
        while (count := self.count()).keys() & {"pending", "in_progress"}:
            assert time.monotonic() < deadline, count
            time.sleep(0.05)


@contextmanager
def plant(kind: Kind, folder: Path, log: IO[bytes]) -> Iterator[tuple[Plant, Client]]:
    """A plant with a shop of one order, a worker that runs, and a client."""
    with database(kind.database, folder) as name:
        made = Plant(kind, name, folder, log)
        with made.client() as client:
            made.start()
            try:
                yield made, client
            finally:
                made.kill()
                forget_queue(made)


@contextmanager
def database(vendor: str, folder: Path) -> Iterator[str]:
    """The name of an empty database."""
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


def forget_queue(plant: Plant) -> None:
    """Leave nothing on the broker."""
    if plant.kind.broker == REDIS:
        with Redis.from_url(REDIS) as redis:
            redis.delete(*redis.scan_iter(f"{plant.queue}:*"))
    elif plant.kind.broker:
        with Connection(plant.kind.broker) as broker:
            broker.default_channel.queue_delete(plant.queue)
            broker.default_channel.exchange_delete(plant.queue)
