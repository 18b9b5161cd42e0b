"""Requests with an ``Idempotency-Key``: a repeated request has the effect of one."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class IdempotentRequest(models.Model):
    """A request with an ``Idempotency-Key``, and its first answer.

    It is inserted in the transaction of the copy that it requests, so a crash leaves both or none.
    It outlives its copy: a late repetition must not request a deleted copy again.
    """

    #: A digest of client and key, 64 characters: no collation makes two keys equal.
    identity = models.CharField(_("identity"), max_length=64, unique=True)
    #: A digest of the request, 64 characters.
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    #: The primary key of the copy, which may be deleted.
    order_factory_key = models.BigIntegerField(_("key of the copy"), null=True)
    #: The document of the answer as it was sent: a JSON column would not keep its order.
    answer = models.TextField(_("answer"), blank=True)
    #: Whether the first request waits for its copy to end; ``answer`` serves if its process dies.
    is_waiting = models.BooleanField(_("is waiting"), default=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        ordering = ["pk"]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_created_at")]

    def __str__(self) -> str:
        return self.identity
