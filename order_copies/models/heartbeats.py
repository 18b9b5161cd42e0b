"""Heartbeats of workers."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """When a polling worker last was between two batches.

    The worker inserts and deletes the row; that of a worker which was killed or hangs stays and
    grows old.
    """

    #: The name of the worker: host, process id and random letters.
    worker = models.CharField(_("worker"), max_length=128, unique=True)
    started_at = models.DateTimeField(_("started at"))
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.worker
