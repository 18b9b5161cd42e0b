"""Build the wheel, look inside, and install it into a bare Django project."""

import subprocess
import sys
from pathlib import Path
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


def check_contents(wheel: Path) -> None:
    """The wheel holds the app and what belongs to it, and nothing of the reference project."""
    names = ZipFile(wheel).namelist()
    strangers = [name for name in names if not name.startswith(("order_copies/", "django_order_"))]
    assert not strangers, f"{wheel.name} holds {strangers}"
    assert "order_copies/py.typed" in names
    assert any(name.endswith(".html") for name in names), "no templates"
    assert any("/migrations/0001" in name for name in names), "no migrations"
    print(f"{wheel.name}: {len(names)} files, all of order_copies.")


def make_bare_project(python: Path, home: Path) -> None:
    """A project as startproject makes it, with an order model of its own."""
    run(python, "-m", "django", "startproject", "bare", home, cwd=home)
    run(python, home / "manage.py", "startapp", "shop", cwd=home)
    (home / "bare/shop_settings.py").write_text(SETTINGS)
    (home / "bare/shop_urls.py").write_text(URLS)
    (home / "shop/models.py").write_text(MODELS)
    (home / "shop/copying.py").write_text(SHOP)


def main(scratch: Path) -> None:
    """Build, look, install, migrate."""
    python = scratch / "wheel-venv/bin/python"
    run(sys.executable, "-m", "venv", python.parents[1], cwd=scratch)
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", scratch, ROOT, cwd=scratch)
    [wheel] = scratch.glob("*.whl")
    check_contents(wheel)
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
