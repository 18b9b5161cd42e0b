"""The endpoints of the app. Subclass them to change what a shop's clients may do."""

from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies import copying, serializers
from order_copies.events.who import user_as_who
from order_copies.jsonapi.payloads import read_changes, read_new
from order_copies.jsonapi.views import ReadOnlyViewSet, RetrieveMixin
from order_copies.models import OrderCopy
from order_copies.permissions import CopiesPermission
from order_copies.plans import CopyPlan, errors_count, errors_log


class OrderCopyViewSet(ReadOnlyViewSet):
    """``/order_copies``: ask for copies, look at them, annotate and delete them."""

    type = serializers.OrderCopySerializer.type
    permission_classes = [IsAuthenticated, CopiesPermission]

    def create(self, request: Request) -> Response:
        """Ask for a copy; with ``dry_run=true`` only tell what it would do."""
        query = self.query(self.resource, "include", "fields", "dry_run")
        payload = read_new(request.data, self.resource, request)
        order_copy = OrderCopy(**payload.attributes, **payload.relationships)
        if query.dry_run:
            return Response(self._preview(order_copy))
        copying.request_copies([order_copy], who=user_as_who(request.user))
        response = self.answer(query, self.resource, order_copy)
        response.status_code = 201
        response["Location"] = response.data["data"]["links"]["self"]
        return response

    def update(self, request: Request, public_id: str) -> Response:
        """Change what a client has tied to a copy."""
        query = self.query(self.resource, "include", "fields")
        order_copy = self.find(request, public_id)
        changes = read_changes(request.data, self.resource, public_id)
        copying.update_copy(order_copy, changes, who=user_as_who(request.user))
        return self.answer(query, self.resource, order_copy)

    def destroy(self, request: Request, public_id: str) -> Response:
        """Delete a copy; its target order stays."""
        self.query(self.resource)
        copying.delete_copy(self.find(request, public_id), who=user_as_who(request.user))
        return Response(status=204)

    def _preview(self, order_copy: OrderCopy) -> dict[str, Any]:
        (plan,) = copying.preview([order_copy])
        return {"data": None, "meta": {"dry_run": True, **plan_as_json(plan), **self.meta}}


class OrderViewSet(ReadOnlyViewSet):
    """``/orders``, for shops that have no endpoint of their own."""

    type = serializers.OrderSerializer.type


class EventViewSet(RetrieveMixin):
    """``/events/{id}``; lists of events hang on what they happened to."""

    type = serializers.EventSerializer.type


class EventStoreViewSet(RetrieveMixin):
    """``/event_stores/{id}``; lists of changes hang on what was changed."""

    type = serializers.EventStoreSerializer.type


def plan_as_json(plan: CopyPlan) -> dict[str, Any]:
    """What a copy would do, as the ``meta`` of a dry run: amounts are in cents."""
    log = errors_log(plan.problems)
    return {
        "status": "completed" if plan.will_complete else "failed",
        "errors_log": log,
        "errors_count": errors_count(log),
        "will_write": plan.will_write,
        "will_place": plan.will_place,
        "will_cancel": plan.will_cancel,
        "currency_code": plan.currency_code,
        "source_totals": dict(plan.source_totals),
        "target_totals": dict(plan.target_totals),
        "outcomes": [outcome.as_json() for outcome in plan.outcomes],
    }
