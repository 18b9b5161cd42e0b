"""By whom: what events say of those who did something."""

from typing import Any

Who = dict[str, Any]


def user_as_who(user: Any) -> Who:
    """Somebody who signed in."""
    email = getattr(user, user.get_email_field_name(), "")
    return {
        "owner": {
            "type": "User",
            "id": str(user.pk),
            "name": user.get_username(),
            "email": email,
        }
    }


def worker_as_who(name: str) -> Who:
    """A worker process."""
    return {"worker": {"type": "order_copies", "id": name}}


def command_as_who(name: str) -> Who:
    """A management command, typed by somebody at the shop's own machine."""
    return {"command": {"name": name}}
