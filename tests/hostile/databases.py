"""An empty database of the kind that ``DATABASE`` names, on the server of this machine."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from typing import Any

from tests.serving import HOST

CREATE = {
    "postgresql": "CREATE DATABASE {}",
    "mariadb": "CREATE DATABASE {} COLLATE utf8mb4_nopad_bin",
}
DROP = {
    "postgresql": "DROP DATABASE IF EXISTS {} WITH (FORCE)",
    "mariadb": "DROP DATABASE IF EXISTS {}",
}


@contextmanager
def empty_database() -> Iterator[dict[str, str] | None]:
    """The environment of a database that exists as long as the context lasts; None for SQLite."""
    kind = os.environ.get("DATABASE") or "sqlite"
    if kind == "sqlite":
        yield None
        return
    name = f"hostile_{os.getpid()}"
    _execute(kind, CREATE[kind].format(name))
    try:
        yield {"DATABASE": kind, "DATABASE_NAME": name}
    finally:
        _execute(kind, DROP[kind].format(name))


def _execute(kind: str, sql: str) -> None:
    with closing(_connect(kind)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(sql)


def _connect(kind: str) -> Any:
    login = {
        "host": os.environ.get("DATABASE_HOST", HOST),
        "password": os.environ.get("DATABASE_PASSWORD", ""),
    }
    user = os.environ.get("DATABASE_USER")
    if kind == "mariadb":
        return import_module("MySQLdb").connect(user=user or "root", **login)
    psycopg = import_module("psycopg")
    return psycopg.connect(user=user or "postgres", dbname="postgres", autocommit=True, **login)
