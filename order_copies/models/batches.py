"""Batches: copies that were requested together, and why."""

from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids
from order_copies.models.drafts import BatchDraft


class CopyBatch(models.Model):
    """A request for any number of copies with the same options."""

    #: The signed-in user who made it, if there was one; ``who`` describes any actor.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("user"),
    )
    who = models.JSONField(_("actor"), default=dict, editable=False, encoder=DjangoJSONEncoder)
    reason = models.CharField(
        _("reason"),
        max_length=255,
        blank=True,
        help_text=_("Why these orders are copied. It is shown with the copies."),
    )
    #: The names of the toggles that are on.
    options = models.JSONField(_("toggles"), default=list, editable=False)
    #: The number of copies, also of those that were deleted since.
    size = models.PositiveIntegerField(_("size"), default=0, editable=False)
    #: The draft that it was started from. A draft is started once.
    draft = models.OneToOneField(
        BatchDraft, models.SET_NULL, null=True, editable=False, related_name="batch"
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    order_factories: Any

    class Meta:
        verbose_name = _("batch of copies")
        verbose_name_plural = _("batches of copies")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.public_id if self.pk else str(_("new batch"))

    @property
    def public_id(self) -> str:
        """The ten-letter id of the batch."""
        return public_ids.encode("copy_batches", self.pk)
