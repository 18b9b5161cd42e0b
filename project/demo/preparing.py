"""Prepare the database, the static files and the credentials of the demo."""

import os
import socket
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import Application

from project.demo.client import Credentials
from project.demo.errors import DemoError

HOST = "127.0.0.1"
USERNAME = PASSWORD = "admin"  # noqa: S105


def free_port() -> int:
    """Return the port that ``PORT`` names, by default 8000.

    Raises ``DemoError`` if it is no port or another process listens on it.
    """
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        message = f"PORT={text} is not a port. Try: make demo PORT=8001"
        raise DemoError(message)
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            message = f"Port {port} is in use. Choose another one: make demo PORT={port + 1}"
            raise DemoError(message) from error
    return port


def prepare_shop() -> None:
    """Migrate the database, load the demo shop into an empty one, and collect static files."""
    print(f"Preparing the demo shop in {settings.DATABASES['default']['NAME']} ...")
    call_command("migrate", verbosity=0)
    call_command("load_demo_shop")
    print("Collecting the static files of the admin ...")
    call_command("collectstatic", interactive=False, verbosity=0)


def prepare_admin() -> Any:
    """Return the superuser of the demo, which the first start creates."""
    user, is_new = get_user_model().objects.get_or_create(
        username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    return user


def prepare_application(user: Any) -> Credentials:
    """Return new credentials of the demo's application, which acts for this user.

    Only the hash of a secret is stored, so it cannot be printed twice: each start replaces it.
    """
    secret = generate_client_secret()
    application, _is_new = Application.objects.update_or_create(
        name="make demo",
        defaults={
            "user": user,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
            "client_secret": secret,
        },
    )
    return Credentials(application.client_id, secret)
