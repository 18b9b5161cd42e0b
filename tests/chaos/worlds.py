"""The worlds that chaos comes over: a database, and how workers are woken there."""

from dataclasses import dataclass

from tests.chaos.servers import MariaDB, PostgreSQL, Server, SQLite


@dataclass(frozen=True)
class World:
    """One of them."""

    database: type[Server]
    engine: str = "polling"
    #: Which part of the copies are asked for here.
    share: float = 1


WORLDS = {
    "sqlite": World(SQLite),
    "postgresql": World(PostgreSQL),
    "mariadb": World(MariaDB),
    "celery": World(PostgreSQL, "celery", 0.4),
}
