"""Record events with their actors. Every event is inserted here, and each insert sends a signal.

An actor is the user, application, worker or command that caused an event. The contract calls the
attribute ``who``. It is a JSON object with one object per role: ``owner``, ``application``,
``worker``, ``order_copy`` or ``command``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from order_copies.db.rows import insert_rows
from order_copies.events.models import Event

#: The actor of an event, in the JSON form of the attribute ``who``.
Actor = dict[str, Any]
#: What names an actor: a user, the name of code that acts for no user, or an :data:`Actor`.
Caller = Actor | AbstractBaseUser | str

#: Sent once per call of :func:`record`, inside its transaction. Argument: ``events``, a list of
#: :class:`Event`.
events_recorded = Signal()

#: Sent when a client triggers an event again, inside the transaction that records the client.
#: Argument: ``event``, the :class:`Event`.
event_triggered = Signal()

_fields = ["resource_type", "resource_id", "name", "changes", "who", "created_at"]


def changes_of(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values of ``after`` that differ from ``before``, in the form of ``changes``."""
    return {
        name: {"from": before.get(name), "to": value}
        for name, value in after.items()
        if before.get(name) != value
    }


def record(events: Sequence[Event]) -> None:
    """Insert ``events`` with one statement, set their keys, and send ``events_recorded``.

    Call it inside the transaction that makes the changes. Raises what a receiver raises.
    """
    rows = [[getattr(event, field) for field in _fields] for event in events]
    for event, key in zip(events, insert_rows(Event, _fields, rows), strict=True):
        event.pk = key
    if events:
        events_recorded.send(Event, events=list(events))


def trigger(event: Event, *, who: Actor) -> None:
    """Send ``event_triggered`` for ``event``, and record the trigger with its actor."""
    now = timezone.now()
    changes = {"triggered_at": {"from": None, "to": now}}
    with transaction.atomic():
        record(
            [
                Event(
                    resource_type="events",
                    resource_id=str(event.pk),
                    changes=changes,
                    who=who,
                    created_at=now,
                )
            ]
        )
        event_triggered.send(Event, event=event)


def actor_of(caller: Caller) -> Actor:
    """Return the actor for a user, or for code that a text names, such as ``"nightly import"``.

    An :data:`Actor` is returned as it is. Raises TypeError for everything else, for example an
    anonymous user.
    """
    match caller:
        case Mapping():
            return caller
        case str():
            return command_actor(caller)
        case AbstractBaseUser():
            return user_actor(caller)
    message = f"An actor is a user, a text or a mapping, not {caller!r}."  # type: ignore[unreachable]
    raise TypeError(message)


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
    """Return the actor for a management command, or other code without a user, with this name."""
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
