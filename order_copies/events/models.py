"""The model of events: what happened to a resource, and which actor caused it."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids


class Event(models.Model):
    """One change of one resource, recorded in the transaction that makes the change.

    An event with a ``name`` (``order_copies.start``) is a topic of the contract and is listed under
    ``/events``. An event without a name is a plain change. Both are ``event_stores`` of the
    resource.
    """

    #: JSON:API type of the resource.
    resource_type = models.CharField(_("resource type"), max_length=64)
    #: Primary key of the resource, as text.
    resource_id = models.CharField(_("resource id"), max_length=64)
    #: Topic, or empty.
    name = models.CharField(_("name"), max_length=64, blank=True)
    #: By attribute, an object with the values ``from`` and ``to``.
    changes = models.JSONField(_("changes"), default=dict, encoder=DjangoJSONEncoder)
    #: The actor, as :mod:`order_copies.events.recording` describes it.
    who = models.JSONField(_("actor"), default=dict)
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
        """The ten-letter id of the event in the API."""
        return public_ids.encode("events", self.pk)

    @property
    def stream_id(self) -> str:
        """The id of the event store: milliseconds since 1970, a hyphen, the primary key."""
        return f"{int(self.created_at.timestamp() * 1000)}-{self.pk}"

    @property
    def kind(self) -> str:
        """The contract's verb for event stores: ``create``, ``update`` or ``destroy``."""
        verb = self.name.rpartition(".")[2]
        return verb if verb in {"create", "destroy"} else "update"
