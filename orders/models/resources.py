"""The base class of the shop's resources."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids


class Resource(models.Model):
    """A row with a public id, timestamps, and the references and metadata of other systems."""

    #: The JSON:API type of the resource; public ids differ between types.
    resource_type: ClassVar[str]

    reference = models.CharField(_("reference"), max_length=255, null=True, blank=True)  # noqa: DJ001
    reference_origin = models.CharField(  # noqa: DJ001
        _("reference origin"), max_length=255, null=True, blank=True
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        abstract = True
        ordering = ["pk"]

    @property
    def public_id(self) -> str:
        """The ten-letter id of the resource on the wire."""
        return public_ids.encode(self.resource_type, self.pk)
