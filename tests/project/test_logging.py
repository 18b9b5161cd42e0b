"""Log output of the processes of the reference project."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.commands import run

pytestmark = pytest.mark.exhaustive

#: A script that logs messages and causes errors; its database has no tables.
SCRIPT = """
import logging, django
django.setup()
{more}
from django.db import transaction
from django.test import Client
logging.getLogger("order_copies.copies").info("a copy")
logging.getLogger("orders.lifecycle.checkout").warning("a gateway")
logging.getLogger("another.library").warning("a library")
logging.getLogger("another.library").info("chatter")
client = Client(raise_request_exception=False, headers={{"host": "localhost"}})
client.post("/admin/login/", {{"username": "a", "password": "b"}})
client.get("/nothing")
def hook(): 1 / 0
with transaction.atomic():
    transaction.on_commit(hook, robust=True)
logging.getLogger("oauthlib").debug("a token")
logging.getLogger("django.template").debug("a context")
logging.getLogger("django.template").warning("a template")
"""
CELERY = """
from celery import current_app
current_app.log.setup_logging_subsystem()
"""
EXPECTED = [
    ("order_copies.copies", "a copy"),
    ("orders.lifecycle.checkout", "a gateway"),
    ("another.library", "a library"),
    ("django.request", "Internal Server Error: /admin/login/"),
    (
        "django.db.backends.base",
        "Error calling hook in on_commit() during transaction (division by zero).",
    ),
    ("django.template", "a template"),
]


def log_of(tmp_path: Path, more: str = "", **environment: str) -> str:
    """Run the script in a process and return its log."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATABASE_NAME": str(tmp_path / "empty.sqlite3"),
        **environment,
    }
    done = run(environment, sys.executable, "-c", SCRIPT.format(more=more))
    done.check_returncode()
    return done.stderr


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.parametrize(
    ("engine", "more"),
    [
        pytest.param("polling", "", id="polling"),
        pytest.param(
            *("celery", CELERY),
            id="celery",
            marks=pytest.mark.skipif(not find_spec("celery"), reason="Celery is not installed"),
        ),
    ],
)
def test_log_format__json_lines_without_duplicates(
    tmp_path: Path, engine: str, more: str, debug: str
) -> None:
    # when
    log = log_of(tmp_path, more, ENGINE=engine, DEBUG=debug, LOG_FORMAT="json")

    # then
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == EXPECTED
    tracebacks = [line["exception"].splitlines()[-1] for line in lines if "exception" in line]
    assert tracebacks == [
        "django.db.utils.OperationalError: no such table: auth_user",
        "ZeroDivisionError: division by zero",
    ]


def test_log_format__text_lines_without_duplicates(tmp_path: Path) -> None:
    # when
    log = log_of(tmp_path)

    # then
    for logger, message in EXPECTED:
        assert log.count(f" {logger} {message}\n") == log.count(message) == 1
    assert log.count("Traceback") == 3
