import os
import subprocess
import sys
import tempfile

BENCHMARKS = ["throughput", "subscriptions", "scaling", "serving", "oscar"]
#: Those of other projects than the reference project.
SETTINGS = {"oscar": "tests.oscar_shop.settings"}


def main() -> int:
    """Run each benchmark on each database, each in a process of its own."""
    databases = os.environ.get("BENCH_DATABASES", "sqlite,postgresql").split(",")
    chosen = sys.argv[1:] or BENCHMARKS
    failed = [
        name for name in chosen for database in databases if run(name, database=database.strip())
    ]
    return 1 if failed else 0


def run(name: str, *, database: str) -> int:
    """Run one benchmark on one database and return the exit code of its process."""
    with tempfile.TemporaryDirectory() as folder:
        database_name = os.environ.get("BENCH_DATABASE_NAME", "order_copies_bench")
        if database == "sqlite":
            database_name = f"{folder}/bench.sqlite3"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": SETTINGS.get(name, "project.settings"),
            "DATABASE": database,
            "DATABASE_NAME": database_name,
        }
        code = f"import django; django.setup(); from benchmarks.{name} import main; main()"
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
