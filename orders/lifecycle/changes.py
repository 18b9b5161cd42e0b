"""Change resources of the shop, and record one event for each (contract 4.3)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import models
from django.utils import timezone

from order_copies import public_ids
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait
from order_copies.events.models import Event
from order_copies.events.recording import Actor, changes_of, record
from orders.exceptions import ResourceGoneError
from orders.lifecycle.locks import locked
from orders.models.resources import Resource

#: The recorded columns of a resource and their values.
State = dict[str, Any]

#: Fields that no event shows: those that say nothing about the change, and secrets.
NOT_RECORDED = frozenset({"id", "created_at", "updated_at", "token", "code_key"})


class Change(NamedTuple):
    """The state of a resource before and after a change; None if it did not exist."""

    resource: Resource | type[Resource]
    key: int
    before: State | None
    after: State | None

    @property
    def verb(self) -> str:
        """The last part of the name of the event; empty for an update, whose event has no name."""
        if self.before is None:
            return "create"
        return "destroy" if self.after is None else ""


def change(resource: Resource, attributes: Mapping[str, Any], *, who: Actor) -> None:
    """Set attributes of a resource and record those whose value changed.

    If no value changed, write nothing. Raises :class:`ResourceGoneError` if the resource was
    deleted in the meantime, and :class:`RowsLockedError` if another transaction keeps it locked.
    """
    manager = type(resource)._base_manager
    with limited_wait(settings.LOCK_TIMEOUT):
        current = locked(manager.all(), [resource.pk]).get(resource.pk)
        if current is None:
            raise ResourceGoneError
        before = {name: getattr(current, name) for name in attributes}
        if changes_of(before, dict(attributes)):
            rows = manager.filter(pk=resource.pk)
            rows.update(**attributes, updated_at=timezone.now())
            record_changes([Change(resource, resource.pk, before, dict(attributes))], who=who)


def states_of(resources: Iterable[Resource]) -> dict[int, State]:
    """Lock resources of one type and return their states in the database, by key."""
    found = list(resources)
    if not found:
        return {}
    current = locked(type(found[0])._base_manager.all(), (resource.pk for resource in found))
    return {key: state_of(resource) for key, resource in current.items()}


def state_of(resource: Resource) -> State:
    """Return the columns of a resource that events record; foreign keys as public ids."""
    fields = resource._meta.concrete_fields
    return {
        field.attname: _value(field, resource) for field in fields if field.name not in NOT_RECORDED
    }


def record_changes(changes: Sequence[Change], *, who: Actor) -> None:
    """Record changes of resources. Call this in the transaction that makes them."""
    events = [_event(change, who) for change in changes]
    record([event for event in events if event.changes or event.name])


def _event(change: Change, who: Actor) -> Event:
    resource_type, before = change.resource.resource_type, change.before or {}
    gone = dict.fromkeys(before)
    return Event(
        resource_type=resource_type,
        resource_id=str(change.key),
        name=f"{resource_type}.{change.verb}" if change.verb else "",
        changes=changes_of(before, gone if change.after is None else change.after),
        who=who,
    )


def _value(field: "models.Field[Any, Any]", resource: Resource) -> Any:
    value, related = field.value_from_object(resource), field.related_model
    if value is not None and isinstance(related, type) and hasattr(related, "resource_type"):
        return public_ids.encode(related.resource_type, value)
    return value
