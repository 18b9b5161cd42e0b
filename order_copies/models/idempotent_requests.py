"""Requests that name themselves, so that asking twice is asking once."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class IdempotentRequest(models.Model):
    """A request that came with an ``Idempotency-Key``, and its first answer.

    It is inserted together with the copy that was asked for, so a process that dies leaves both or
    none. It outlives its copy: a late repetition must not ask for a deleted copy again.
    """

    #: Who asks under which key, in 64 characters: no collation makes two keys one.
    identity = models.CharField(_("identity"), max_length=64, unique=True)
    #: What was asked for, in 64 characters.
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    #: The key of the copy, which may be gone.
    order_factory_key = models.BigIntegerField(_("key of the copy"), null=True)
    #: The document of the answer, as it was sent: a JSON column would not keep its order.
    answer = models.TextField(_("answer"), blank=True)
    #: Whether the first request waits for its copy to end: ``answer`` is what it says if it dies.
    is_waiting = models.BooleanField(_("is waiting"), default=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        ordering = ["pk"]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_created_at")]

    def __str__(self) -> str:
        return self.identity
