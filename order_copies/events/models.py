"""What happened, to what, by whom."""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids


class Event(models.Model):
    """One thing that happened to one resource, recorded together with what it tells.

    An event with a ``name`` (``order_copies.start``) is a topic of the contract and listed under
    ``/events``; one without a name is a plain change. Both are the resource's ``event_stores``.
    """

    resource_type = models.CharField(_("resource type"), max_length=64)
    resource_id = models.CharField(_("resource id"), max_length=64)
    name = models.CharField(_("name"), max_length=64, blank=True)
    changes = models.JSONField(_("changes"), default=dict, encoder=DjangoJSONEncoder)
    who = models.JSONField(_("who"), default=dict)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["resource_type", "resource_id", "id"], name="event_resource")
        ]

    def __str__(self) -> str:
        return self.name or str(_("change"))

    @property
    def public_id(self) -> str:
        """The ten-letter id of the event on the wire."""
        return public_ids.encode("events", self.pk)

    @property
    def stream_id(self) -> str:
        """The id of the event among the event stores: milliseconds, a hyphen, the key."""
        return f"{int(self.created_at.timestamp() * 1000)}-{self.pk}"

    @property
    def kind(self) -> str:
        """``create``, ``update`` or ``destroy``, as the event stores of the contract say it."""
        verb = self.name.rpartition(".")[2]
        return verb if verb in {"create", "destroy"} else "update"


def changes_of(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What differs between two states of a resource, as the contract writes it: from and to."""
    return {
        name: {"from": before.get(name), "to": value}
        for name, value in after.items()
        if before.get(name) != value
    }
