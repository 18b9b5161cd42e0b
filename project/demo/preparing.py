"""What the demo needs before it can start. All of it is done once and kept."""

import os
import socket
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import Application

from project.demo.client import Credentials
from project.demo.errors import DemoError

HOST = "127.0.0.1"
USERNAME = PASSWORD = "admin"  # noqa: S105


def free_port() -> int:
    """The port of the environment's ``PORT``, 8000 without it. Raises where it is taken."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        message = f"PORT={text} is no port. Try: make demo PORT=8001"
        raise DemoError(message)
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            message = f"Port {port} is not free. Choose another one: make demo PORT={port + 1}"
            raise DemoError(message) from error
    return port


def prepare_shop() -> None:
    """Bring the database up to date, fill it if it is empty, and lay out the admin's files."""
    call_command("migrate", verbosity=0)
    call_command("load_demo_shop")
    call_command("collectstatic", interactive=False, verbosity=0)


def prepare_admin() -> Any:
    """The user who may do everything; made unless there is one."""
    user, is_new = get_user_model().objects.get_or_create(
        username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    return user


def prepare_application(user: Any) -> Credentials:
    """The credentials of the demo's application, which acts for this user.

    Only the hash of a secret is kept, so nobody could print it again: each start makes a new one.
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
