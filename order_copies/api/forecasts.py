"""Forecasts of subscriptions over the API: endpoints of ``/order_subscriptions``."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies.api.openapi import FORECAST_OFFERS
from order_copies.forecasts import Forecast, Renewal, amounts_of, counts_of, forecast
from order_copies.jsonapi.errors import refused
from order_copies.jsonapi.fields import InstantField, instant
from order_copies.jsonapi.scopes import is_sales_channel
from order_copies.jsonapi.storable import InvalidValueError
from order_copies.jsonapi.views import ResourceViewSet

#: The largest number of renewals in a document.
LIMIT = 1000
#: How far a request without ``until`` looks ahead.
DEFAULT = timedelta(days=30)


class ForecastMixin(ResourceViewSet):
    """Forecasts of one subscription and of all that the client may see. Put it first.

    ``GET /order_subscriptions/forecast?until=…`` and ``/order_subscriptions/{id}/forecast``. As in
    a dry run ``data`` is null: ``meta`` has the renewals, the earliest first.
    """

    offers = FORECAST_OFFERS

    @classmethod
    def parameters(cls, action: str) -> list[str]:
        """Return ``until`` for a forecast."""
        return ["until"] if action.startswith("forecast") else super().parameters(action)

    @action(detail=False, url_path="forecast", url_name="forecasts")
    def forecasts(self, request: Request) -> Response:
        """Return the forecast of all subscriptions that the client may see.

        Sales channels get none: they may list nothing of a customer (contract 5.8).
        """
        if is_sales_channel(request):
            raise PermissionDenied
        return self._forecast(self.get_queryset())

    @action(detail=True, url_path="forecast", url_name="forecast")
    def forecast(self, request: Request, public_id: str) -> Response:
        """Return the forecast of one subscription."""
        self.query  # noqa: B018 # An invalid query is refused first.
        return self._forecast(self.get_queryset().filter(pk=self.find().pk))

    def _forecast(self, order_subscriptions: Any) -> Response:
        self.query  # noqa: B018
        now = timezone.now()
        until = _until(self.request.query_params.get("until"), now)
        rows = order_subscriptions
        found = forecast(until, now=now, order_subscriptions=rows, limit=LIMIT)
        return Response({"data": None, "meta": {**forecast_as_json(found), **self.meta}})


def forecast_as_json(found: Forecast) -> dict[str, Any]:
    """Return a forecast as the ``meta`` of a document. Amounts are in cents."""
    return {
        "until": instant(found.until),
        "notice": found.notice or None,
        "renewals_count": len(found.renewals),
        "results": {result.value: count for result, count in counts_of(found.renewals).items()},
        "total_amounts_cents": amounts_of(found.renewals),
        "renewals": [_renewal_as_json(renewal) for renewal in found.renewals],
    }


def _renewal_as_json(renewal: Renewal) -> dict[str, Any]:
    one = renewal.order_subscription
    return {
        "order_subscription": {"type": one.resource_type, "id": one.public_id},
        "scheduled_for": instant(renewal.slot),
        "result": renewal.result.value,
        "reasons": [
            {"attribute": reason.attribute, "code": reason.code, "message": reason.message}
            for reason in renewal.reasons
        ],
        "currency_code": renewal.currency_code,
        "source_totals": dict(renewal.source_totals),
        "target_totals": dict(renewal.target_totals),
        "plan_digest": renewal.plan_digest,
    }


def _until(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now + DEFAULT
    try:
        until: datetime = InstantField().parse(text)
    except InvalidValueError:
        detail = f"{text} is not a valid value for until: send {InstantField.text_name}."
        raise refused("INVALID_FIELD_VALUE", detail) from None
    if until <= now:
        raise refused("INVALID_FIELD_VALUE", f"{text} is past: until must be in the future.")
    return until
