"""Chromium (of Debian) with a signed-in superuser, against a live server."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

from orders.models import Order

#: Playwright runs an event loop in the thread of the tests; their queries do not block it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
]
#: Milliseconds, for a machine that is busy: Swagger UI renders for 10 seconds there.
TIMEOUT = 60_000
expect.set_options(timeout=TIMEOUT)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Use a file on SQLite: threads cannot wait for locks on a database in memory."""
    if connection.vendor == "sqlite":
        name = tmp_path_factory.mktemp("database") / "browser.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(name)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium with a new profile."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--disable-extensions"]
        )
        yield chromium
        chromium.close()


@dataclass
class PageErrors:
    """Errors of pages: on the console, violations of the policy, failed requests."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect the errors of this page from now on."""
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"console: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status}: {response.url}")


@pytest.fixture
def page_errors() -> PageErrors:
    """The errors of all pages of a test."""
    return PageErrors()


@pytest.fixture
def session_cookie(live_server: Any) -> dict[str, str]:
    """The session cookie of a signed-in superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com"))
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}


@pytest.fixture
def open_browser(
    browser: Browser, live_server: Any, session_cookie: Any, page_errors: PageErrors
) -> Iterator[Callable[..., Page]]:
    """Opens a signed-in tab in a new browser context with the given options."""
    contexts = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(TIMEOUT)
        context.add_cookies([session_cookie])
        context.on("page", page_errors.watch)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(params=[True, False], ids=["script", "no_script"])
def page(request: pytest.FixtureRequest, open_browser: Callable[..., Page]) -> Page:
    """A signed-in tab, once with JavaScript and once without."""
    return open_browser(java_script_enabled=request.param)


@pytest.fixture
def scripted_page(open_browser: Callable[..., Page]) -> Page:
    """A signed-in tab with JavaScript."""
    return open_browser()


def copy_page(*orders: Order) -> str:
    """Return the address of a new copy page of these orders."""
    return f"/admin/orders/order/copy/?ids={','.join(str(order.pk) for order in orders)}"
