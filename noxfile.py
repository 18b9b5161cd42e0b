"""The suite on every supported pair of Django and Python: ``make matrix``.

On the database that ``DATABASE`` names, as ``project/environment.py`` has it.
"""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

#: What each database but SQLite takes besides.
EXTRAS = {"postgresql": "[postgres]", "mariadb": "[mariadb]"}
PAIRS = [("3.11", "5.2"), ("3.12", "6.0"), ("3.13", "6.1")]


def constraints_without_django(session: nox.Session) -> Path:
    """The pins of constraints.txt but for Django's, which each session chooses itself."""
    pins = Path("constraints.txt").read_text().splitlines(keepends=True)
    path = Path(session.create_tmp()) / "constraints.txt"
    path.write_text("".join(pin for pin in pins if not pin.startswith("django==")))
    return path.resolve()


@nox.session
@nox.parametrize(("python", "django"), PAIRS)
def tests(session: nox.Session, django: str) -> None:
    """Run the suite on one Django and Python."""
    constraints = constraints_without_django(session)
    project = "." + EXTRAS.get(os.environ.get("DATABASE", ""), "")
    session.install("-c", str(constraints), "-e", project, "--group", "test", f"django=={django}.*")
    # Django looks into the database even here, and only SQLite makes one where there is none.
    makemigrations = ["python", "manage.py", "makemigrations", "--check", "--dry-run"]
    session.run(*makemigrations, silent=True, env={"DATABASE": "sqlite"})
    session.run("pytest", "--numprocesses", "auto", *session.posargs)
