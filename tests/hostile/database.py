"""Create an empty database for one run, on the database system that ``DATABASE`` names."""

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
    """Yield the environment variables of a new database, and drop the database afterwards.

    Yields None for SQLite: the demo shop creates its own file. ``DATABASE_HOST``, ``DATABASE_USER``
    and ``DATABASE_PASSWORD`` name the server; by default the administrator of the local server.
    """
    system = os.environ.get("DATABASE") or "sqlite"
    if system == "sqlite":
        yield None
        return
    name = f"hostile_{os.getpid()}"
    _execute(system, CREATE[system].format(name))
    try:
        yield {"DATABASE": system, "DATABASE_NAME": name}
    finally:
        _execute(system, DROP[system].format(name))


def _execute(system: str, sql: str) -> None:
    with closing(_connect(system)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(sql)


def _connect(system: str) -> Any:
    login = {
        "host": os.environ.get("DATABASE_HOST", HOST),
        "password": os.environ.get("DATABASE_PASSWORD", ""),
    }
    user = os.environ.get("DATABASE_USER")
    if system == "mariadb":
        return import_module("MySQLdb").connect(user=user or "root", **login)
    psycopg = import_module("psycopg")
    return psycopg.connect(user=user or "postgres", dbname="postgres", autocommit=True, **login)
