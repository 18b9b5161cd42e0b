"""Run real processes of one shop, and read its database without Django."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection

PROJECT = Path(settings.BASE_DIR)
#: Statements that drop a database even if processes are still connected to it.
DROP = {"postgresql": "DROP DATABASE {} WITH (FORCE)", "mysql": "DROP DATABASE {}"}


def environment_of(database: str) -> dict[str, str]:
    """Return the environment variables of processes that use this database."""
    return os.environ | {
        "DATABASE_NAME": database,
        "DJANGO_SETTINGS_MODULE": "project.settings",
    }


@contextmanager
def new_database(path: Path, template: str = "") -> Iterator[str]:
    """Create a database of the vendor that the tests run on, and yield its name.

    It is a copy of ``template``, which must have no open connections, or empty. A SQLite file is
    created in the folder ``path``.
    """
    if connection.vendor == "sqlite":
        file = path / "shop.sqlite3"
        if template:
            shutil.copyfile(template, file)
        yield str(file)
        return
    name = f"processes_{uuid4().hex[:8]}"
    with server() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
        else:
            cursor.execute(f"CREATE DATABASE {name} COLLATE utf8mb4_nopad_bin")
            if template:
                copy_tables(cursor, template, name)
    try:
        yield name
    finally:
        with server() as cursor:
            cursor.execute(DROP[connection.vendor].format(name))


def copy_tables(cursor: Any, source: str, target: str) -> None:
    """Copy all tables of a MariaDB database: MariaDB cannot create one from a template."""
    cursor.execute("SET foreign_key_checks = 0")
    cursor.execute(f"USE {target}")
    cursor.execute(f"SHOW TABLES FROM {source}")
    for (table,) in cursor.fetchall():
        cursor.execute(f"SHOW CREATE TABLE {source}.{table}")
        cursor.execute(cursor.fetchone()[1])
        cursor.execute(f"INSERT INTO {table} SELECT * FROM {source}.{table}")


@contextmanager
def server(name: str = "") -> Iterator[Any]:
    """Yield a cursor on a database, without Django, and commit afterwards."""
    with closing(connect(name)) as opened, closing(opened.cursor()) as cursor:
        yield cursor
        opened.commit()


def connect(name: str) -> Any:
    """Connect to a database; without a name, to the server."""
    if connection.vendor == "sqlite":
        return sqlite3.connect(name)
    server = settings.DATABASES["default"]
    login = {"host": server["HOST"], "user": server["USER"], "password": server["PASSWORD"]}
    if connection.vendor == "mysql":
        return import_module("MySQLdb").connect(**login, database=name, autocommit=True)
    return import_module("psycopg").connect(**login, dbname=name or "postgres", autocommit=True)


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start Python with these arguments; stdout and stderr are one pipe."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(environment: dict[str, str], script: str) -> str:
    """Run a script in a new process, which must succeed; return the last line of its output."""
    process = start(environment, "-c", script)
    printed = process.communicate(timeout=120)[0]
    assert process.returncode == 0, printed
    return "".join(printed.splitlines()[-1:])


def rows(environment: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
