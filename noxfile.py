"""The suite on every supported Django and Python, and on the oldest packages: ``make matrix``.

On the database that ``DATABASE`` names, as ``project/environment.py`` has it. A Python that is not
installed is skipped with a warning; with ``CI`` set it is an error.
"""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"

#: The extra that installs the driver of a database. SQLite needs none.
EXTRAS = {"postgresql": "[postgres]", "mariadb": "[mariadb]"}
PAIRS = [("3.11", "5.2"), ("3.12", "6.0"), ("3.13", "6.1"), ("3.14", "6.0")]


def constraints_without_django(session: nox.Session) -> Path:
    """The pins of constraints.txt but for Django's, which each session chooses itself."""
    pins = Path("constraints.txt").read_text().splitlines(keepends=True)
    path = Path(session.create_tmp()) / "constraints.txt"
    path.write_text("".join(pin for pin in pins if not pin.startswith("django==")))
    return path.resolve()


def run_suite(session: nox.Session, *packages: str) -> None:
    """Install the project with these packages and options of pip, and run the suite."""
    project = "." + EXTRAS.get(os.environ.get("DATABASE", ""), "")
    session.install("-e", project, "--group", "test", *packages)
    # makemigrations connects to the database, and only SQLite creates a missing one.
    makemigrations = ["python", "manage.py", "makemigrations", "--check", "--dry-run"]
    session.run(*makemigrations, silent=True, env={"DATABASE": "sqlite"})
    session.run("pytest", "--numprocesses", "auto", *session.posargs)


@nox.session
@nox.parametrize(("python", "django"), PAIRS)
def tests(session: nox.Session, django: str) -> None:
    """Run the suite on one Django and Python, with the newest packages."""
    run_suite(session, "-c", str(constraints_without_django(session)), f"django=={django}.*")


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the suite on the oldest Python, Django and packages that pyproject.toml allows."""
    run_suite(session, "-c", "constraints-lowest.txt")
