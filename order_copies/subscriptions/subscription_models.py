"""Create, change and delete subscription models, and record it.

``actor`` is who acts, as in :mod:`order_copies.copying`. No function checks permissions.
"""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet

from order_copies.conf import settings
from order_copies.db.transactions import limited_wait, locked
from order_copies.events.models import Event
from order_copies.events.recording import Caller, actor_of, changes_of, record
from order_copies.exceptions import SubscriptionModelGoneError, SubscriptionModelInUseError
from order_copies.models import SubscriptionModel

_RECORDED = ("name", "strategy", "frequencies", "auto_activate", "auto_cancel")


def create(subscription_model: SubscriptionModel, *, actor: Caller) -> None:
    """Save a new subscription model, whose values are valid."""
    with transaction.atomic():
        subscription_model.save(force_insert=True)
        created = {name: getattr(subscription_model, name) for name in _RECORDED}
        _record(subscription_model.pk, "create", {}, created, actor)


def update(
    subscription_model: SubscriptionModel, values: Mapping[str, Any], *, actor: Caller
) -> None:
    """Set attributes to valid values, and refresh the instance; subscriptions keep what they have.

    Raises :class:`SubscriptionModelGoneError`.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        current = _the_one(locked(_rows(subscription_model)))
        before = {name: getattr(current, name) for name in values}
        for name, value in values.items():
            setattr(current, name, value)
        current.save()
        _record(current.pk, "", before, dict(values), actor)
    subscription_model.refresh_from_db()


def delete(subscription_model: SubscriptionModel, *, actor: Caller) -> None:
    """Delete a subscription model that nothing uses.

    Raises :class:`SubscriptionModelInUseError` and :class:`SubscriptionModelGoneError`, and
    :class:`RowsLockedError` if another transaction is about to use it.
    """
    try:
        with limited_wait(settings.LOCK_TIMEOUT):
            # The lock for deletion waits for those who are about to use the model.
            current = _the_one(_rows(subscription_model).select_for_update())
            before, key = {name: getattr(current, name) for name in _RECORDED}, current.pk
            current.delete()
            _record(key, "destroy", before, dict.fromkeys(_RECORDED), actor)
    except (ProtectedError, IntegrityError) as error:
        raise SubscriptionModelInUseError from error


def _rows(subscription_model: SubscriptionModel) -> "QuerySet[SubscriptionModel]":
    return SubscriptionModel.objects.filter(pk=subscription_model.pk)


def _the_one(rows: "QuerySet[SubscriptionModel]") -> SubscriptionModel:
    found = list(rows)
    if not found:
        raise SubscriptionModelGoneError
    return found[0]


def _record(
    key: int, verb: str, before: dict[str, Any], after: dict[str, Any], actor: Caller
) -> None:
    changes = changes_of(before, after)
    if changes or verb:
        kind = SubscriptionModel.resource_type
        name = f"{kind}.{verb}" if verb else ""
        who = actor_of(actor)
        record(
            [Event(resource_type=kind, resource_id=str(key), name=name, changes=changes, who=who)]
        )
