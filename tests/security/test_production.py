"""The reference project with the environment that the README has for production."""

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

README = (ROOT / "README.md").read_text()
DEMO_KEY = "insecure-key-of-the-demo-shop-do-not-use-it-in-production"

#: Asks for two pages by http, and for the same by https through a proxy, as JSON.
ASK = """
import json, django
django.setup()
from django.test import Client
pages = ("/admin/login/", "/api/orders")
plain = {"host": "shop.example"}
secure = plain | {"x-forwarded-proto": "https"}
def told(response):
    cookies = {name: dict(cookie) for name, cookie in response.cookies.items()}
    return [response.status_code, dict(response.headers), cookies]
print(json.dumps([
    [told(Client().get(page, headers=headers)) for page in pages]
    for headers in (plain, secure)
]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What the README says, with keys made as it says."""
    block = README.split("# production.env\n")[1].split("```")[0]
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


def test_the_documented_environment_passes_all_checks(environment: dict[str, str]) -> None:
    # when
    done = check(environment)

    # then
    assert (done.returncode, done.stderr) == (0, "")
    assert "System check identified no issues" in done.stdout


def test_the_documented_commands_run(environment: dict[str, str], tmp_path: Path) -> None:
    # given
    surroundings = {name: environment.pop(name) for name in ("PATH", "HOME")}
    surroundings["PATH"] = f"{Path(sys.executable).parent}:{surroundings['PATH']}"
    surroundings["STATIC_ROOT"] = str(tmp_path / "static")
    file = "".join(f"{name}={value}\n" for name, value in environment.items())
    (tmp_path / "production.env").write_text(file)
    block = "set -a;" + README.split("\nset -a;")[1].split("```")[0]
    script = block.replace("./production.env", str(tmp_path / "production.env"))
    # No database is there, and no server is to stay.
    script = re.sub(r".* (migrate|order_copies_worker)\n", "", script)
    script = re.sub("(gunicorn .*)", r"\1 --check-config", script)

    # when
    done = run(surroundings, "bash", "-euc", script)

    # then
    assert (done.returncode, done.stderr) == (0, "")
    assert script.count("\n") == 4
    assert (tmp_path / "static" / "admin").is_dir()


def test_without_the_switch_the_checks_complain(environment: dict[str, str]) -> None:
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
def test_nothing_starts_with_what_everybody_knows(
    environment: dict[str, str], name: str, value: str | None
) -> None:
    # given
    environment.pop(name)
    environment |= {} if value is None else {name: value}

    # when
    done = python(environment, "-c", "import project.wsgi")

    # then
    assert done.returncode == 1
    assert f"PRODUCTION=1 takes a value of your own in {name}: see the README." in done.stderr


@pytest.mark.parametrize("yes", ["true", "Yes", "on"])
def test_the_switch_is_on_however_one_says_yes(environment: dict[str, str], yes: str) -> None:
    # given
    environment |= {"PRODUCTION": yes, "SECRET_KEY": ""}

    # when
    done = python(environment, "-c", "import project.wsgi")

    # then
    assert done.returncode == 1
    assert "takes a value of your own in SECRET_KEY" in done.stderr


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
def test_what_it_does_not_understand_is_named(
    environment: dict[str, str], name: str, value: str
) -> None:
    # given
    environment |= {name: value}

    # when
    done = python(environment, "-c", "import project.wsgi")

    # then
    assert done.returncode == 1
    assert f"ImproperlyConfigured: {name} is '{value}', and must be " in done.stderr


def test_the_two_keys_are_not_the_same(environment: dict[str, str]) -> None:
    environment["PUBLIC_ID_KEY"] = environment["SECRET_KEY"]

    assert "takes a value of your own in PUBLIC_ID_KEY" in check(environment).stderr


def test_a_weak_key_is_a_complaint(environment: dict[str, str]) -> None:
    done = check(environment | {"SECRET_KEY": "short"})

    assert (done.returncode, "security.W009" in done.stderr) == (1, True)


def test_debug_does_not_come_on_in_production(environment: dict[str, str]) -> None:
    assert check(environment | {"DEBUG": "1"}).returncode == 0


def test_the_demo_does_not_run_in_production(environment: dict[str, str]) -> None:
    # when
    done = python(environment, "-m", "project.demo")

    # then
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Everybody knows the demo's password, admin: PRODUCTION=1 runs no demo."
    )


def ask(environment: dict[str, str]) -> Any:
    done = python(environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}, "-c", ASK)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everybody_is_sent_to_https_and_cookies_stay_there(environment: dict[str, str]) -> None:
    # when
    plain, secure = ask(environment)

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


def test_without_proxies_nobody_is_believed_to_be_one(environment: dict[str, str]) -> None:
    del environment["PROXIES"]

    _plain, pretended = ask(environment)

    assert [status for status, _headers, _cookies in pretended] == [301, 301]


def test_every_variable_of_the_block_is_one_that_the_project_reads() -> None:
    # given
    block = README.split("# production.env\n")[1].split("```")[0]
    table = README.split("## In production\n")[1].split("\n## ")[0]
    settings = (ROOT / "project" / "settings.py").read_text()

    # when
    named = {*re.findall(r"^(\w+)=", block, re.MULTILINE)}
    named |= {
        *re.findall(r"`([A-Z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    }

    # then
    assert len(named) > 12
    assert all(f'"{name}"' in settings for name in named)
