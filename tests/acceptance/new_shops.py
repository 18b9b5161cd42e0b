"""Projects of new shops, and ``manage.py`` run in them."""

import os
import subprocess
import sys
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[2]

MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
SETTINGS = """
SECRET_KEY = "new"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "order_copies",
    "order_copies.events",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
    }
}
"""
URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("order_copies.api.urls")),
]
"""
MODELS = """
from django.db import models


class Customer(models.Model):
    email = models.EmailField()


class Order(models.Model):
    total = models.IntegerField(default=0)
"""
ADMIN = """
from django.contrib import admin

from order_copies.admin import CopyOrdersMixin
from shop.models import Order


@admin.register(Order)
class OrderAdmin(CopyOrdersMixin, admin.ModelAdmin):
    pass
"""
ADAPTER = """
from order_copies.shops import CopiedModel, Shop
from shop.models import Order


class MyShop(Shop):
    copied_models = [CopiedModel(Order, copied=("total",), reset=("id",))]

    def orders_for(self, request):
        return Order.objects.all()

    def plan(self, order_copies):
        raise NotImplementedError

    def write(self, runs):
        raise NotImplementedError
"""
CONFIGURED = 'ORDER_COPIES = {"ORDER_MODEL": "shop.Order", "SHOP": "shop.copies.MyShop"}'


class NewShop:
    """A project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("manage.py", MANAGE)
        self.write("settings.py", SETTINGS)
        self.write("urls.py", URLS)
        self.write("shop/__init__.py", "")
        self.write("shop/models.py", MODELS)
        self.write("shop/admin.py", ADMIN)

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def configure(self, *lines: str) -> None:
        """Add lines to the settings."""
        self.write("settings.py", "\n".join([SETTINGS, *lines]))

    def manage(self, *arguments: str) -> tuple[int, list[str]]:
        """Run ``manage.py``. Returns the exit status, and the lines that matter."""
        environment = {
            **os.environ,
            "COVERAGE_FILE": str(ROOT / ".coverage"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),
        }
        options = ["run", "--parallel-mode", f"--rcfile={ROOT / 'pyproject.toml'}"]
        measured = ["-m", "coverage", *options] if Coverage.current() else []
        done = subprocess.run(
            [sys.executable, *measured, "manage.py", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
        return done.returncode, [line for line in lines if line.startswith(MATTERS)]


#: The starts of lines that report what a command did, or why it failed.
MATTERS = (
    "?: ",
    "shop.",
    "HINT:",
    "Traceback",
    "CommandError",
    "SettingError",
    "+ Create",
    "Applying shop",
    "Applying order_copies.0001",
)
