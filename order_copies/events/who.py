"""By whom: what events say of those who did something."""

from collections.abc import Mapping
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


def client_as_who(request: Any) -> Who:
    """Whoever sent a request to the API: the user, and the application that has the token.

    The application where ``request.auth`` has one, as a mapping of what is to be told of it.
    """
    who = user_as_who(request.user)
    application = getattr(request.auth, "application", None)
    if isinstance(application, Mapping):
        who["application"] = dict(application)
    return who


def worker_as_who(name: str) -> Who:
    """Return a worker process."""
    return {"worker": {"type": "order_copies", "id": name}}


def with_order_copy(who: Who, order_copy: str | None) -> Who:
    """Return the worker with the public id of the copy that it ran, if one is given."""
    return who | {"order_copy": {"type": "order_copies", "id": order_copy}} if order_copy else who


def command_as_who(name: str) -> Who:
    """A management command, typed by somebody at the shop's own machine."""
    return {"command": {"name": name}}


def who_in_words(who: dict[str, Any]) -> str:
    """The name of whoever an event names, or its type and id."""
    for role, actor in who.items():
        if isinstance(actor, dict):
            named = actor.get("name") or actor.get("email") or actor.get("id", "")
            return f"{role} {named}" if role == "worker" else str(named)
    return ""
