"""The databases of the chaos suite, whose connections can be cut and servers restarted."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.serving import HOST, lasting_port


class Server:
    """A new database; ``environment`` has its address for processes."""

    can_restart = False

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.environment: dict[str, str] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the database while the context lasts."""
        yield

    def cut(self) -> int:
        """Cut all connections; return how many there were."""
        raise NotImplementedError

    def restart(self, *, hard: bool) -> None:
        """Restart the server; ``hard`` skips its orderly shutdown."""
        raise NotImplementedError


class SQLite(Server):
    """A SQLite file. Its connections cannot be cut: it is locked for a while instead."""

    SECONDS = 0.4

    @contextmanager
    def running(self) -> Iterator[None]:
        self.path = self.scratch / "chaos.sqlite3"
        self.environment = {"DATABASE": "sqlite", "DATABASE_NAME": str(self.path)}
        yield

    def cut(self) -> int:
        with closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                # Another process writes, and may be frozen until this one goes on.
                return 0
            time.sleep(self.SECONDS)
            connection.execute("ROLLBACK")
        return 1


class PostgreSQL(Server):
    """A new PostgreSQL server. It refuses to run as root, so it runs as postgres then."""

    can_restart = True

    @contextmanager
    def running(self) -> Iterator[None]:
        self.data, self.port = self.scratch / "postgresql", lasting_port()
        self._prepare()
        self._control("start")
        name = "postgres"
        address = {"DATABASE_HOST": HOST, "DATABASE_PORT": str(self.port), "DATABASE_NAME": name}
        self.environment = {"DATABASE": "postgresql", "DATABASE_USER": "postgres", **address}
        try:
            yield
        finally:
            self._control("stop", "-m", "immediate")

    def _prepare(self) -> None:
        self.data.mkdir()
        if os.geteuid() == 0:
            self.scratch.chmod(0o755)
            shutil.chown(self.data, "postgres")
        self._run("initdb", "--no-sync", "--auth=trust", "--username=postgres")
        with (self.data / "postgresql.conf").open("a") as file:
            # A killed server loses nothing without fsync: only a crash of the machine does.
            file.write(
                f"port = {self.port}\nlisten_addresses = '{HOST}'\nfsync = off\n"
                f"unix_socket_directories = '{self.data}'\nmax_connections = 50\n"
            )

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-w", "-s", "-l", str(self.data / "log"), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        run_as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*run_as, str(_binaries() / program), "-D", str(self.data), *arguments]
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL)

    def cut(self) -> int:
        psycopg: Any = import_module("psycopg")
        where = f"host={HOST} port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            sql = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return len(connection.execute(sql).fetchall())

    def restart(self, *, hard: bool) -> None:
        self._control("restart", "-m", "immediate" if hard else "fast")


class MariaDB(Server):
    """A new database on the shared MariaDB server of this machine."""

    @contextmanager
    def running(self) -> Iterator[None]:
        self.name = f"chaos_{os.getpid()}"
        self._execute(f"CREATE DATABASE {self.name} COLLATE utf8mb4_nopad_bin")
        self.environment = {"DATABASE": "mariadb", "DATABASE_NAME": self.name}
        try:
            yield
        finally:
            self._execute(f"DROP DATABASE {self.name}")

    def cut(self) -> int:
        sql = f"SELECT id FROM information_schema.processlist WHERE db = '{self.name}'"
        ids = [row[0] for row in self._execute(sql)]
        for one in ids:
            self._execute(f"KILL CONNECTION {one}", may_fail=True)
        return len(ids)

    def _execute(self, sql: str, *, may_fail: bool = False) -> Any:
        database: Any = import_module("MySQLdb")
        host = os.environ.get("DATABASE_HOST", HOST)
        user = os.environ.get("DATABASE_USER", "root")
        password = os.environ.get("DATABASE_PASSWORD", "")
        opened = database.connect(host=host, user=user, password=password)
        with closing(opened), closing(opened.cursor()) as cursor:
            try:
                cursor.execute(sql)
            except database.OperationalError:
                if may_fail:
                    return []
                raise
            return cursor.fetchall()


SERVERS: dict[str, type[Server]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mariadb": MariaDB,
}


def _binaries() -> Path:
    """Return the folder of PostgreSQL's programs."""
    found = shutil.which("pg_ctl")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert places, "the programs of a PostgreSQL server are needed: initdb and pg_ctl"
    return places[-1]
