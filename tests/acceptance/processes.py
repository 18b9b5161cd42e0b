"""Real processes of one shop, and its database seen from outside."""

import os
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
#: How each server makes a database and drops it, whoever uses it.
STATEMENTS = {
    "postgresql": ("CREATE DATABASE {}", "DROP DATABASE {} WITH (FORCE)"),
    "mysql": ("CREATE DATABASE {} COLLATE utf8mb4_nopad_bin", "DROP DATABASE {}"),
}


@contextmanager
def environment_of(tmp_path: Path, script: str) -> Iterator[dict[str, str]]:
    """What processes of a shop with a database of their own need; ``script`` fills it."""
    with database(tmp_path) as name:
        environment = os.environ | {
            "DATABASE_NAME": name,
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }
        subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, check=True)
        yield environment


@contextmanager
def database(tmp_path: Path) -> Iterator[str]:
    """The name of an empty database of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        yield str(tmp_path / "shop.sqlite3")
        return
    name = f"two_processes_{uuid4().hex[:8]}"
    create, drop = STATEMENTS[connection.vendor]
    with server() as cursor:
        cursor.execute(create.format(name))
    try:
        yield name
    finally:
        with server() as cursor:
            cursor.execute(drop.format(name))


@contextmanager
def server(name: str = "") -> Iterator[Any]:
    """A cursor on a database of the kind that the tests run on, outside Django."""
    with closing(connect(name)) as opened, closing(opened.cursor()) as cursor:
        yield cursor
        opened.commit()


def connect(name: str) -> Any:
    """A connection to a database; without a name, to the server."""
    if connection.vendor == "sqlite":
        return sqlite3.connect(name)
    server = settings.DATABASES["default"]
    who = {"host": server["HOST"], "user": server["USER"], "password": server["PASSWORD"]}
    if connection.vendor == "mysql":
        return import_module("MySQLdb").connect(**who, database=name, autocommit=True)
    return import_module("psycopg").connect(**who, dbname=name or "postgres", autocommit=True)


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(environment: dict[str, str], script: str) -> str:
    """What a process that runs this script to its end prints."""
    process = start(environment, "-c", script)
    printed = process.communicate(timeout=120)[0]
    assert process.returncode == 0, printed
    return printed.splitlines()[-1]


def rows(environment: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
