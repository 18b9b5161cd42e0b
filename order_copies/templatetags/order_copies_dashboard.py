"""The dashboard of order copies, for the index of an admin site."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.db.models import Count, Min
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.timezone import localtime

from order_copies.models import OrderCopy, OrderFactory, OrderSubscription, Status
from order_copies.templatetags.order_copies_admin import count_of, words

register = template.Library()

#: The number of failed copies whose reasons are counted, the newest first.
MAX_FAILURES = 1000
#: The number of reasons that the chart shows.
MAX_REASONS = 6
#: The key in the errors log that only repeats that a step was refused.
NO_REASON = "status"
#: The sizes of the chart, in units of its view box.
BAR, LABEL, CHART = 22, 180, 400


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart: a reason, and the number of copies that failed for it."""

    label: str
    count: int
    y: int
    width: int

    @property
    def text_y(self) -> int:
        """The baseline of the texts."""
        return self.y + 15


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What staff must know about copies at a glance."""

    #: The copies that were requested today, by their statuses.
    today: list[str]
    today_total: int
    bars: list[Bar]
    oldest: datetime | None
    attention: int
    links: dict[str, str]

    @classmethod
    def of(cls, site: str, now: datetime) -> "Dashboard":
        """Query the dashboard, in four queries."""
        midnight = localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        todays = OrderCopy.objects.filter(created_at__gte=midnight).order_by()
        today = Counter(dict(todays.values_list("status").annotate(Count("pk"))))
        failed = OrderFactory.objects.filter(
            status=Status.FAILED, failed_at__gte=now - timedelta(days=7)
        )
        logs = failed.order_by("-pk").values_list("errors_log", flat=True)[:MAX_FAILURES]
        pending = OrderFactory.objects.pending().aggregate(oldest=Min("queued_at"))
        renewing = OrderSubscription.objects.failing()
        return cls(
            today=[count_of(status, today[status]) for status in Status if today[status]],
            today_total=today.total(),
            bars=_bars(Counter(name for log in logs for name in _reasons(log))),
            oldest=pending["oldest"],
            attention=renewing.count(),
            links=_links(site, midnight),
        )

    @property
    def height(self) -> int:
        """The height of the chart."""
        return BAR * len(self.bars)


@register.inclusion_tag("admin/order_copies/dashboard.html", takes_context=True)
def order_copies_dashboard(context: Any) -> dict[str, Any]:
    """Render the dashboard for users who may view copies; nothing for others."""
    request = context["request"]
    if not request.user.has_perm("order_copies.view_ordercopy"):
        return {}
    site = getattr(request, "current_app", None) or "admin"
    return {"dashboard": Dashboard.of(site, timezone.now()), "label_width": LABEL}


def _reasons(log: dict[str, Any]) -> list[str]:
    return [name for name in log if name != NO_REASON] or list(log)


def _bars(counts: Counter[str]) -> list[Bar]:
    most = max(counts.values(), default=1)
    return [
        Bar(words(name), count, index * BAR, max(2, round(count / most * (CHART - LABEL - 50))))
        for index, (name, count) in enumerate(counts.most_common(MAX_REASONS))
    ]


def _links(site: str, midnight: datetime) -> dict[str, str]:
    """Return the addresses of the filtered lists; none where the site has no such list."""
    week = midnight - timedelta(days=7)
    return {
        "today": _list(site, OrderCopy, created_at__gte=midnight),
        "failed": _list(site, OrderCopy, status__exact="failed", created_at__gte=week),
        "pending": _list(site, OrderCopy, status__exact="pending"),
        "attention": _list(site, OrderSubscription, attention="yes"),
    }


def _list(site: str, model: Any, **filters: Any) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    try:
        address = reverse(name, current_app=site)
    except NoReverseMatch:
        return ""
    return f"{address}?{urlencode(filters)}"
