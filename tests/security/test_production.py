"""The reference project with the documented environment for production."""

import json
import os
import re
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.commands import ROOT, run

pytestmark = pytest.mark.exhaustive

GUIDE = "docs/how-to/production.md"
PAGE = (ROOT / GUIDE).read_text()
DEMO_KEY = "insecure-key-of-the-demo-shop-do-not-use-it-in-production"

#: A script that requests two pages over http, and over https behind a proxy; it prints JSON.
REQUEST_SCRIPT = """
import json, django
django.setup()
from django.test import Client
pages = ("/admin/login/", "/api/orders")
plain = {"host": "shop.example"}
secure = plain | {"x-forwarded-proto": "https"}
def summary_of(response):
    cookies = {name: dict(cookie) for name, cookie in response.cookies.items()}
    return [response.status_code, dict(response.headers), cookies]
print(json.dumps([
    [summary_of(Client().get(page, headers=headers)) for page in pages]
    for headers in (plain, secure)
]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the documented environment, with keys made as documented."""
    block = PAGE.split("# production.env\n")[1].split("```")[0]
    documented = dict(line.split("=", 1) for line in block.splitlines())
    made = {
        name: value.replace("…", secrets.token_urlsafe(64)) for name, value in documented.items()
    }
    if not find_spec("psycopg"):
        made |= {"DATABASE": "sqlite", "DATABASE_NAME": str(tmp_path / "shop.sqlite3")}
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | made


def python(environment: dict[str, str], *arguments: str) -> CompletedProcess[str]:
    return run(environment, sys.executable, *arguments)


def check(environment: dict[str, str]) -> CompletedProcess[str]:
    return python(environment, "manage.py", "check", "--deploy", "--fail-level", "WARNING")


def test_environment__passes_all_checks(environment: dict[str, str]) -> None:
    # when
    done = check(environment)

    # then
    assert (done.returncode, done.stderr) == (0, "")
    assert "System check identified no issues" in done.stdout


def test_commands__run(environment: dict[str, str], tmp_path: Path) -> None:
    # given
    system_variables = {name: environment.pop(name) for name in ("PATH", "HOME")}
    system_variables["PATH"] = f"{Path(sys.executable).parent}:{system_variables['PATH']}"
    system_variables["STATIC_ROOT"] = str(tmp_path / "static")
    file = "".join(f"{name}={value}\n" for name, value in environment.items())
    (tmp_path / "production.env").write_text(file)
    block = "set -a;" + PAGE.split("\nset -a;")[1].split("```")[0]
    script = block.replace("./production.env", str(tmp_path / "production.env"))
    # There is no database, and the server must not keep running.
    script = re.sub(r".* (migrate|order_copies_worker)\n", "", script)
    script = re.sub("(gunicorn .*)", r"\1 --check-config", script)

    # when
    done = run(system_variables, "bash", "-euc", script)

    # then
    assert (done.returncode, done.stderr) == (0, "")
    assert script.count("\n") == 4
    assert (tmp_path / "static" / "admin").is_dir()


def test_production_variable__off_fails_the_checks(environment: dict[str, str]) -> None:
    # when
    done = check(environment | {"PRODUCTION": "0"})

    # then
    assert done.returncode == 1
    assert "security.W008" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", DEMO_KEY),
        ("PUBLIC_ID_KEY", None),
        ("ALLOWED_HOSTS", None),
        ("ALLOWED_HOSTS", ""),
        ("GATEWAY_URL", None),
        ("GATEWAY_URL", ""),
    ],
)
def test_environment__missing_and_demo_values_refuse_the_start(
    environment: dict[str, str], name: str, value: str | None
) -> None:
    # given
    environment.pop(name)
    environment |= {} if value is None else {name: value}

    # when
    done = python(environment, "-c", "import project.wsgi")

    # then
    assert done.returncode == 1
    assert f"PRODUCTION=1 needs your own value of {name}: see {GUIDE}." in done.stderr


@pytest.mark.parametrize("word", ["true", "Yes", "on"])
def test_production_variable__accepts_words_for_true(
    environment: dict[str, str], word: str
) -> None:
    # given
    environment |= {"PRODUCTION": word, "SECRET_KEY": ""}

    # when
    done = python(environment, "-c", "import project.wsgi")

    # then
    assert done.returncode == 1
    assert "needs your own value of SECRET_KEY" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRODUCTION", "ture"),
        ("DEBUG", "2"),
        ("ALLOWED_HOSTS", "*"),
        ("DATABASE", "oracle"),
        ("ENGINE", "rq"),
        ("HSTS_SECONDS", "1h"),
        ("PROXIES", "-1"),
        ("MODE", "prod"),
        ("RATE_LIMITS", "none"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_environment__invalid_value_is_named(
    environment: dict[str, str], name: str, value: str
) -> None:
    # given
    environment |= {name: value}

    # when
    done = python(environment, "-c", "import project.wsgi")

    # then
    assert done.returncode == 1
    assert f"ImproperlyConfigured: {name} is '{value}', and must be " in done.stderr


def test_keys__must_differ(environment: dict[str, str]) -> None:
    environment["PUBLIC_ID_KEY"] = environment["SECRET_KEY"]

    assert "needs your own value of PUBLIC_ID_KEY" in check(environment).stderr


def test_secret_key__weak_one_fails_the_checks(environment: dict[str, str]) -> None:
    done = check(environment | {"SECRET_KEY": "short"})

    assert (done.returncode, "security.W009" in done.stderr) == (1, True)


def test_debug__is_ignored_in_production(environment: dict[str, str]) -> None:
    assert check(environment | {"DEBUG": "1"}).returncode == 0


def test_demo__refuses_to_run_in_production(environment: dict[str, str]) -> None:
    # when
    done = python(environment, "-m", "project.demo")

    # then
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "The demo's password, admin, is public: it does not start with PRODUCTION=1."
    )


def request_pages(environment: dict[str, str]) -> Any:
    done = python(
        environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}, "-c", REQUEST_SCRIPT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_https__http_is_redirected_and_cookies_are_secure(environment: dict[str, str]) -> None:
    # when
    plain, secure = request_pages(environment)

    # then
    for status, headers, cookies in plain:
        assert status == 301
        assert headers["Location"].startswith("https://shop.example/")
        assert cookies == {}
    (page, headers, cookies), (refused, api_headers, _none) = secure
    assert (page, refused) == (200, 401)
    policy = "max-age=3600; includeSubDomains; preload"
    assert headers["Strict-Transport-Security"] == policy
    assert api_headers["Strict-Transport-Security"] == policy
    assert cookies["csrftoken"]["secure"] is True


def test_https__forwarded_proto_is_ignored_without_proxies(environment: dict[str, str]) -> None:
    del environment["PROXIES"]

    _plain, forged = request_pages(environment)

    assert [status for status, _headers, _cookies in forged] == [301, 301]


def test_environment__settings_read_every_documented_variable() -> None:
    # given
    block = PAGE.split("# production.env\n")[1].split("```")[0]
    table = PAGE.split("## Environment variables\n")[1].split("\n## ")[0]
    settings = (ROOT / "project" / "settings.py").read_text()

    # when
    named = {*re.findall(r"^(\w+)=", block, re.MULTILINE)}
    named |= {
        *re.findall(r"`([A-Z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    }

    # then
    assert len(named) > 12
    assert all(f'"{name}"' in settings for name in named)
