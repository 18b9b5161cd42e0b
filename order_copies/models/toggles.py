"""The toggles of a copy, and profiles: named sets of them."""

from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

#: The toggles of a copy, by the names of the contract.
OPTIONS = (
    "place_target_order",
    "reuse_wallet",
    "cancel_source_order",
    "apply_promotions",
    "skip_errors",
    "ignore_invalid_coupon",
)


class Toggled(models.Model):
    """What a copy does."""

    place_target_order = models.BooleanField(
        _("place target order"),
        default=False,
        help_text=_("Place the new order once it is complete."),
    )
    reuse_wallet = models.BooleanField(
        _("reuse wallet"),
        default=True,
        help_text=_("Pay with the same payment source, if it is saved in the customer's wallet."),
    )
    cancel_source_order = models.BooleanField(
        _("cancel source order"),
        default=False,
        help_text=_("Cancel the original at the end, if everything else succeeded."),
    )
    apply_promotions = models.BooleanField(
        _("apply promotions"),
        default=False,
        help_text=_("Drop the old discounts and apply the promotions valid now."),
    )
    skip_errors = models.BooleanField(
        _("skip errors"),
        default=False,
        help_text=_("Leave out unavailable items and still complete the copy."),
    )
    ignore_invalid_coupon = models.BooleanField(
        _("ignore invalid coupon"),
        default=False,
        help_text=_("Leave out a coupon that is no longer valid."),
    )

    class Meta:
        abstract = True

    @property
    def toggles(self) -> dict[str, bool]:
        """The values of all toggles."""
        return {name: getattr(self, name) for name in OPTIONS}


class CopyProfile(Toggled):
    """A named set of toggles.

    Copies that are requested by its name keep the toggles that it had then.
    """

    name = models.CharField(
        _("name"),
        max_length=63,
        unique=True,
        help_text=_("What staff choose, and what the API calls profile."),
    )
    #: NULLs are distinct in all three databases, so that at most one profile is the default.
    is_default = models.BooleanField(
        _("default"),
        null=True,
        default=None,
        unique=True,
        choices=[(True, _("yes")), (None, _("no"))],
        help_text=_("The copy page opens with the toggles of the default profile."),
    )

    class Meta:
        verbose_name = _("copy profile")
        verbose_name_plural = _("copy profiles")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the profile; if it is the default, no other is any more."""
        self.is_default = self.is_default or None
        with transaction.atomic():
            if self.is_default:
                others = CopyProfile.objects.filter(is_default=True).exclude(pk=self.pk)
                others.update(is_default=None)
            super().save(*args, **kwargs)
