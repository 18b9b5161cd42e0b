"""The filters of the list of subscriptions."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.subscriptions.words import frequency_label
from order_copies.models import OrderSubscription, SubscriptionStatus
from order_copies.subscriptions.slots import FREQUENCIES

#: The subscriptions that a person must look at.
NEEDS_ATTENTION = Q(attention__gt="") & ~Q(status=SubscriptionStatus.CANCELLED)
#: The rank in the list: what needs attention, then the others, cancelled ones last.
URGENCY = Case(
    When(NEEDS_ATTENTION, then=Value(0)),
    When(status=SubscriptionStatus.CANCELLED, then=Value(2)),
    default=Value(1),
)

Choices = list[tuple[str, Any]]


class ConditionFilter(admin.SimpleListFilter):
    """Filters by one of a few conditions."""

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        """Return label and condition of each choice."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return the labels of the choices."""
        return [(value, label) for value, (label, _condition) in self.conditions().items()]

    def queryset(
        self, request: HttpRequest, queryset: "QuerySet[OrderSubscription]"
    ) -> "QuerySet[OrderSubscription]":
        """Return the subscriptions of the choice; all if the choice is unknown."""
        _label, condition = self.conditions().get(self.value() or "", ("", None))
        return queryset if condition is None else queryset.filter(condition)


class AttentionFilter(ConditionFilter):
    """Filters subscriptions that a person must look at."""

    title = gettext_lazy("needs attention")
    parameter_name = "attention"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        """Return the choices."""
        return {"yes": (_("Yes"), NEEDS_ATTENTION), "no": (_("No"), ~NEEDS_ATTENTION)}


class KindFilter(ConditionFilter):
    """Filters automatic or manual subscriptions."""

    title = gettext_lazy("kind")
    parameter_name = "kind"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        """Return the choices."""
        return {
            "automatic": (_("Automatic: from items"), Q(subscription_model__isnull=False)),
            "manual": (_("Manual: the whole order"), Q(subscription_model__isnull=True)),
        }


class FrequencyFilter(ConditionFilter):
    """Filters by frequency; all crontab expressions are one choice."""

    title = gettext_lazy("frequency")
    parameter_name = "frequency"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        """Return the choices."""
        named = {name: (frequency_label(name), Q(frequency=name)) for name in FREQUENCIES}
        return named | {"crontab": (_("by a crontab"), ~Q(frequency__in=FREQUENCIES))}


class LastResultFilter(ConditionFilter):
    """Filters by the result of the last run."""

    title = gettext_lazy("last result")
    parameter_name = "last_result"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        """Return the choices."""
        return {
            "succeeded": (_("Succeeded"), Q(succeeded_on_last_run=True)),
            "failed": (_("Failed"), Q(succeeded_on_last_run=False)),
            "none": (_("No run yet"), Q(succeeded_on_last_run=None)),
        }
