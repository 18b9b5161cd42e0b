"""The calendar of subscriptions: what will be renewed on each day, and what will fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.pages import page_url
from order_copies.forecasts import (
    CHUNK,
    Day,
    Forecast,
    Renewal,
    Result,
    amounts_of,
    counts_of,
    forecast,
)
from order_copies.models import OrderSubscription
from order_copies.templatetags.order_copies_admin import words

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderSubscription]
else:
    Base = object

#: The largest number of renewals that a page forecasts: those that the shop plans in one call.
LIMIT = CHUNK
#: The largest number of renewals that the page of a day lists.
MAX_LISTED = 200

result_labels = {
    Result.WILL_COMPLETE: gettext_lazy("Will complete"),
    Result.AT_RISK: gettext_lazy("At risk"),
    Result.WILL_FAIL: gettext_lazy("Will fail"),
}
#: The kind of badge of each result, and their order on the page of a day: problems first.
_KINDS = {
    Result.WILL_FAIL: "failed",
    Result.AT_RISK: "warning",
    Result.WILL_COMPLETE: "completed",
}


class CalendarMixin(Base):
    """Adds the page ``calendar/`` to the admin class of subscriptions. Put it first.

    It shows a month; with the parameter ``day``, the renewals of a day with their reasons.
    """

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and that of the calendar."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_calendar"
        view = self.admin_site.admin_view(self.calendar_view)
        return [path("calendar/", view, name=name), *super().get_urls()]

    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """Show the forecast of a month or of a day. Raises PermissionDenied.

        A month or day that is past or no date gets a message, and the current month is shown.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        today = timezone.localtime(now).date()
        month, day = _chosen(request.GET, today)
        if month is None:
            message = _("Choose a day or month that is not past. Here is the current month.")
            self.message_user(request, message, messages.WARNING)
            month = today.replace(day=1)
        last = day or _next_month(month) - timedelta(days=1)
        until = timezone.make_aware(datetime.combine(last, time.max))
        rows = self.get_queryset(request)
        found = forecast(until, now=now, order_subscriptions=rows, limit=LIMIT)
        page = self._day_page(found, day) if day else self._month_page(found, month, today)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "notice": found.notice,
            "media": self.media,
            "calendar_url": page_url(self.admin_site, self.model, "calendar"),
            **page,
        }
        request.current_app = self.admin_site.name
        template = f"admin/order_copies/ordersubscription/{'day' if day else 'calendar'}.html"
        return TemplateResponse(request, template, context)

    def _month_page(self, found: Forecast, month: date, today: date) -> dict[str, Any]:
        days = [day for day in found.days if day.date >= month]
        renewals = [renewal for day in days for renewal in day.renewals]
        before = (month - timedelta(days=1)).replace(day=1)
        return {
            "title": _("Renewals in %(month)s")
            % {"month": date_format(month, "YEAR_MONTH_FORMAT")},
            "days": [Row.of(day) for day in days],
            "sum": Row.of(Day(month, renewals)),
            "labels": list(result_labels.values()),
            "previous_month": before if before >= today.replace(day=1) else None,
            "next_month": _next_month(month),
        }

    def _day_page(self, found: Forecast, day: date) -> dict[str, Any]:
        renewals = [one for it in found.days if it.date == day for one in it.renewals]
        order = list(_KINDS)
        renewals.sort(key=lambda renewal: order.index(renewal.result))
        return {
            "title": _("Renewals on %(day)s") % {"day": date_format(day)},
            "month": day,
            "sum": Row.of(Day(day, renewals)),
            "renewals": [self._entry(renewal) for renewal in renewals[:MAX_LISTED]],
            "more": max(len(renewals) - MAX_LISTED, 0),
        }

    def _entry(self, renewal: Renewal) -> dict[str, Any]:
        one = renewal.order_subscription
        return {
            "url": page_url(self.admin_site, OrderSubscription, "change", one.pk),
            "renewal": renewal,
            "kind": _KINDS[renewal.result],
            "label": result_labels[renewal.result],
            "reasons": [(words(one.attribute), one.message) for one in renewal.reasons],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """A day of the calendar, or the sum of its days."""

    date: date
    total: int
    #: Kind of badge, label and number for each result.
    results: Sequence[tuple[str, Any, int]]
    #: Amount in cents and currency of the orders that will be made.
    amounts: Sequence[tuple[int, str]]

    @classmethod
    def of(cls, day: Day) -> "Row":
        """Return the row of a day."""
        counts = counts_of(day.renewals)
        results = [(_KINDS[one], label, counts[one]) for one, label in result_labels.items()]
        amounts = [(cents, currency) for currency, cents in amounts_of(day.renewals).items()]
        return cls(day.date, len(day.renewals), results, amounts)


def _chosen(query: Mapping[str, str], today: date) -> tuple[date | None, date | None]:
    """Return the first day of the chosen month, and the chosen day, if there is one.

    The month is None if it or the day is past, or no date.
    """
    first = today.replace(day=1)
    if "day" in query:
        day = _date(query["day"])
        return (day.replace(day=1), day) if day and day >= today else (None, None)
    month = _date(f"{query['month']}-01") if "month" in query else first
    return (month if month and month >= first else None), None


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # A later one could not be shown: the clock of a time zone may be ahead of UTC.
    return found if found.year < date.max.year else None


def _next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)
