"""Load the demo shop, and print the credentials of its applications.

``python -m tests.applications`` uses the database that the environment names.
"""

import json
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import Permission  # noqa: E402
from oauth2_provider.generators import generate_client_secret  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402

from project.demo.preparing import prepare_admin, prepare_shop  # noqa: E402


def main() -> None:
    """Load the demo shop; print the credentials as JSON in the last line."""
    prepare_shop()
    admin = prepare_admin()
    applications = {
        "integration": integration("integration", admin),
        "reader": integration("reader", reader()),
        "sales_channel": {"client_id": application("sales channel", admin, "public").client_id},
    }
    print(json.dumps(applications))


def integration(name: str, user: Any) -> dict[str, str]:
    """Create a confidential application; return its credentials."""
    secret = generate_client_secret()
    new = application(name, user, "confidential", client_secret=secret)
    return {"client_id": new.client_id, "client_secret": secret}


def application(name: str, user: Any, client_type: str, **fields: str) -> Application:
    """Create an application that acts for the user."""
    return Application.objects.create(
        name=name,
        user=user,
        client_type=client_type,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        **fields,
    )


def reader() -> Any:
    """Create a user who may view all orders, and change nothing."""
    user = get_user_model().objects.create_user("reader")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "view_event"]))
    return user


if __name__ == "__main__":
    main()
