"""Build sdist and wheel, look inside, install the wheel, and follow the tutorial with it."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from shutil import copy
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]

SETTINGS = """
from bare.settings import *
INSTALLED_APPS += ["rest_framework", "order_copies", "order_copies.events", "shop"]
ROOT_URLCONF = "bare.shop_urls"
ORDER_COPIES = {"ORDER_MODEL": "shop.Order", "SHOP": "shop.copying.BareShop"}
DATABASES["default"]["OPTIONS"] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
"""
URLS = """
from bare.urls import *
from django.urls import include
urlpatterns += [path("api/", include("order_copies.api.urls"))]
"""
MODELS = """
from django.db import models

class Order(models.Model):
    number = models.CharField(max_length=20)
"""
SHOP = """
from order_copies.shops import Shop
from shop.models import Order

class BareShop(Shop):
    def orders_for(self, request):
        return Order.objects.all()

    def plan(self, order_copies):
        return []

    def write(self, runs):
        pass
"""


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command, and stop with it if it fails."""
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def build(python: Path, scratch: Path) -> tuple[Path, Path]:
    """Build the sdist, and out of it the wheel; check what a package index shows of them."""
    pip: list[str | Path] = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt"]
    run(*pip, "build", "twine", cwd=scratch)
    run(python, "-m", "build", "--outdir", scratch, ROOT, cwd=scratch)
    [sdist], [wheel] = scratch.glob("*.tar.gz"), scratch.glob("*.whl")
    run(python, "-m", "twine", "check", "--strict", sdist, wheel, cwd=scratch)
    return sdist, wheel


def check_sdist(sdist: Path) -> None:
    """The sdist holds the app, the examples, and the files that a packager looks for."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "order_copies/py.typed"}
    listed = ["git", "ls-files", "examples"]
    examples = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    missing = (wanted | set(examples.splitlines())) - names
    assert not missing, f"{sdist.name} lacks {missing}"


def check_wheel(wheel: Path) -> None:
    """The wheel holds the app and what belongs to it, and nothing of the reference project."""
    names = ZipFile(wheel).namelist()
    strangers = [name for name in names if not name.startswith(("order_copies/", "django_order_"))]
    assert not strangers, f"{wheel.name} holds {strangers}"
    assert "order_copies/py.typed" in names
    assert any(name.endswith(".html") for name in names), "no templates"
    assert "order_copies/locale/it/LC_MESSAGES/django.mo" in names
    assert any("/migrations/0001" in name for name in names), "no migrations"
    metadata = ZipFile(wheel).read(next(name for name in names if name.endswith("/METADATA")))
    relative = re.findall(r"\]\((?!https?:|#)[^)]*\)", metadata.decode())
    assert not relative, f"the description links to {relative}"
    print(f"{wheel.name}: {len(names)} files, all of order_copies.")


def make_bare_project(python: Path, home: Path) -> None:
    """A project as startproject makes it, with an order model of its own."""
    run(python, "-m", "django", "startproject", "bare", home, cwd=home)
    run(python, home / "manage.py", "startapp", "shop", cwd=home)
    (home / "bare/shop_settings.py").write_text(SETTINGS)
    (home / "bare/shop_urls.py").write_text(URLS)
    (home / "shop/models.py").write_text(MODELS)
    (home / "shop/copying.py").write_text(SHOP)


def follow_tutorial(python: Path, home: Path) -> None:
    """Make the shop of the tutorial as a reader does, then copy its orders in every way."""
    home.mkdir()
    run(sys.executable, "-m", "tests.tutorial", python, home, cwd=ROOT)
    copy(ROOT / "tests/minimal_shop/walk.py", home / "tea/tests.py")
    run(python, "manage.py", "test", "-v0", cwd=home)


def main(scratch: Path) -> None:
    """Build, look, install, migrate, follow the tutorial."""
    python = scratch / "wheel-venv/bin/python"
    tools = scratch / "build-venv/bin/python"
    run(sys.executable, "-m", "venv", tools.parents[1], cwd=scratch)
    sdist, wheel = build(tools, scratch)
    check_sdist(sdist)
    check_wheel(wheel)
    run(sys.executable, "-m", "venv", python.parents[1], cwd=scratch)
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=scratch)
    home = scratch / "bare"
    home.mkdir()
    make_bare_project(python, home)
    manage: list[str | Path] = [python, "manage.py"]
    settings = "--settings=bare.shop_settings"
    run(*manage, "makemigrations", "shop", "-v0", settings, cwd=home)
    run(*manage, "check", "--fail-level=WARNING", settings, cwd=home)
    run(*manage, "migrate", "-v0", settings, cwd=home)
    run(*manage, "order_copies_worker", "--drain", settings, cwd=home)
    follow_tutorial(python, scratch / "tutorial")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
