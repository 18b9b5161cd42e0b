"""The configurations of the scenario: a database, and the engine that wakes workers."""

from dataclasses import dataclass

from tests.chaos.servers import MariaDB, PostgreSQL, Server, SQLite


@dataclass(frozen=True)
class Configuration:
    """A configuration."""

    database: type[Server]
    engine: str = "polling"
    #: The fraction of the copies that is requested with this configuration.
    share: float = 1


CONFIGURATIONS = {
    "sqlite": Configuration(SQLite),
    "postgresql": Configuration(PostgreSQL),
    "mariadb": Configuration(MariaDB),
    "celery": Configuration(PostgreSQL, "celery", 0.4),
}
