"""Drafts of batches: selected orders with the options and the preview of their copies."""

from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids
from order_copies.models.order_model import order_model_label


class BatchDraft(models.Model):
    """Any number of selected orders, before their copies are requested as one batch.

    :mod:`order_copies.drafts` changes drafts, :mod:`order_copies.worker.previews` previews them.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    #: The names of the toggles that are on.
    options = models.JSONField(default=list)
    reference = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    reference_origin = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    reason = models.CharField(max_length=255, blank=True)
    #: The name of the profile that the toggles are those of; empty if of none.
    profile = models.CharField(max_length=63, blank=True)
    #: What the copy takes otherwise than its original (:mod:`order_copies.changes`), if there is
    #: one order only.
    changes = models.JSONField(null=True)
    #: Grows with each change of what will be copied. A page that shows another version is stale.
    version = models.PositiveIntegerField(default=0)
    #: When a worker must preview the draft; None: none must. While one does, the end of its lease.
    preview_due_at = models.DateTimeField(null=True, db_index=True)
    #: The number of workers that began this preview.
    preview_tries = models.PositiveSmallIntegerField(default=0)
    #: When the preview of all orders was finished; None: it is missing, or of other options.
    previewed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    selected_orders: Any

    class Meta:
        verbose_name = _("draft of a batch")
        verbose_name_plural = _("drafts of batches")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.public_id if self.pk else str(_("new draft"))

    @property
    def public_id(self) -> str:
        """The ten-letter id of the draft."""
        return public_ids.encode("copy_drafts", self.pk)


class Result(models.IntegerChoices):
    """What the preview of one copy found, worst first."""

    #: The copy will fail.
    CANNOT = 1, _("Cannot be copied")
    #: The copy will complete, and differ from its original.
    CHANGES = 2, _("With changes")
    #: The copy will equal its original.
    AS_IS = 3, _("As they are")


#: Those that will be copied: chosen by hand, or else those whose copies will complete.
TICKED = Q(choice=True) | Q(choice=None, result__in=[Result.CHANGES, Result.AS_IS])


class SelectedOrderQuerySet(QuerySet["SelectedOrder"]):
    """The selected orders of a draft."""

    def ticked(self) -> "SelectedOrderQuerySet":
        """Return those that will be copied."""
        return self.filter(TICKED)

    def in_plan_order(self) -> "SelectedOrderQuerySet":
        """Sort as the copies will run; those that are left out by hand take nothing, so last."""
        is_left_out = Case(When(choice=False, then=Value(1)), default=Value(0))
        return self.order_by(is_left_out, F("position"))


class SelectedOrder(models.Model):
    """An order of a draft, and the preview of its copy."""

    draft = models.ForeignKey(BatchDraft, models.CASCADE, related_name="selected_orders")
    position = models.PositiveIntegerField()
    #: An order may be deleted in the meantime: the draft then forgets it.
    order = models.ForeignKey(
        order_model_label(),
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    #: Whether staff ticked the order; None: it is ticked if its copy will complete.
    choice = models.BooleanField(null=True)
    result = models.PositiveSmallIntegerField(choices=Result.choices, null=True)
    #: The number of earlier copies.
    earlier = models.PositiveIntegerField(default=0)
    currency_code = models.CharField(max_length=16, blank=True)
    source_cents = models.BigIntegerField(null=True)
    #: None: there will be no target.
    target_cents = models.BigIntegerField(null=True)
    #: The amount that placing authorizes; None: the target will not be placed.
    charged_cents = models.BigIntegerField(null=True)
    #: The total of the source that is cancelled; None: it will not be.
    voided_cents = models.BigIntegerField(null=True)
    plan_digest = models.CharField(max_length=64, blank=True)
    #: The plan as JSON (:meth:`order_copies.plans.CopyPlan.as_json`).
    plan = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = SelectedOrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("selected order")
        verbose_name_plural = _("selected orders")
        ordering = ["draft", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["draft", "position"], name="selected_order_one_a_position"
            )
        ]
        indexes = [
            models.Index(fields=["draft", "result", "position"], name="selected_order_by_result")
        ]

    def __str__(self) -> str:
        return str(self.order_id)

    @property
    def unexplained(self) -> str:
        """The result in words, for one that needs no reason."""
        return str(_("as it is") if self.result == Result.AS_IS else _("changes"))

    @property
    def completes(self) -> bool:
        """Whether the preview found that the copy will complete."""
        return self.result in {Result.CHANGES, Result.AS_IS}

    @property
    def is_ticked(self) -> bool:
        """Whether the order will be copied."""
        return self.completes if self.choice is None else self.choice
