"""Actors: the user, application, worker or command that caused an event.

The contract calls the attribute ``who``. It is a JSON object with one object per role: ``owner``,
``application``, ``worker``, ``order_copy`` or ``command``.
"""

from collections.abc import Mapping
from typing import Any

#: The actor of an event, in the JSON form of the attribute ``who``.
Actor = dict[str, Any]


def user_actor(user: Any) -> Actor:
    """Return the actor for a signed-in user."""
    email = getattr(user, user.get_email_field_name(), "")
    return {
        "owner": {
            "type": "User",
            "id": str(user.pk),
            "name": user.get_username(),
            "email": email,
        }
    }


def request_actor(request: Any) -> Actor:
    """Return the actor for an API request: its user and, if known, the application.

    ``request.auth.application`` is included if it is a mapping; it is published unchanged.
    """
    who = user_actor(request.user)
    application = getattr(request.auth, "application", None)
    if isinstance(application, Mapping):
        who["application"] = dict(application)
    return who


def worker_actor(name: str) -> Actor:
    """Return the actor for the worker process ``name``."""
    return {"worker": {"type": "order_copies", "id": name}}


def with_copy(who: Actor, order_copy: str | None) -> Actor:
    """Return ``who`` with the public id of the copy that caused the change, if one is given."""
    if not order_copy:
        return who
    return who | {"order_copy": {"type": "order_copies", "id": order_copy}}


def command_actor(name: str) -> Actor:
    """Return the actor for the management command ``name``."""
    return {"command": {"name": name}}


def actor_name(who: dict[str, Any]) -> str:
    """Return the name, email or id of the first actor in ``who``; empty if there is none.

    A worker is named with its role.
    """
    for role, actor in who.items():
        if isinstance(actor, dict):
            named = actor.get("name") or actor.get("email") or actor.get("id", "")
            return f"{role} {named}" if role == "worker" else str(named)
    return ""
