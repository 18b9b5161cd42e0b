"""The viewsets of the API. A shop may subclass them and route its subclasses instead."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies import copying
from order_copies.api import serializers
from order_copies.api.idempotency import Name, answer_once
from order_copies.api.openapi import CREATE_OFFER
from order_copies.api.permissions import CopiesPermission, EventsPermission, check_copy
from order_copies.api.prefer import granted_wait, wait_for_end
from order_copies.events.models import Event
from order_copies.events.recording import request_actor, trigger
from order_copies.jsonapi.errors import RequestRefusedError, invalid, not_found
from order_copies.jsonapi.payloads import Payload, read_new
from order_copies.jsonapi.queries import Query
from order_copies.jsonapi.scopes import READ, check_scopes
from order_copies.jsonapi.views import ReadOnlyViewSet, RetrieveMixin, UpdateMixin
from order_copies.logs import log_fields
from order_copies.models import IdempotentRequest, OrderCopy
from order_copies.plans import CopyPlan, Problem, errors_count, errors_log

logger = logging.getLogger("order_copies.copies")


class OrderCopyViewSet(ReadOnlyViewSet, UpdateMixin):
    """``/order_copies``: create, preview, read, annotate, abort, retry and delete copies."""

    type = serializers.OrderCopySerializer.type
    permission_classes = [IsAuthenticated, CopiesPermission]
    offers = {"create": CREATE_OFFER}

    def create(self, request: Request) -> Response:
        """Create a copy, once per ``Idempotency-Key``; preview it with ``dry_run=true``."""
        query = self.query(self.resource, "include", "fields", "dry_run")
        if query.dry_run:
            check_scopes(request, READ)
            return Response(self._preview(self._read()))
        name = Name.of(request)
        if name is None:
            return self._create(query)
        return answer_once(
            name,
            create=lambda: self._create(query, name),
            repeat=lambda first: self._repeat(query, name, first),
        )

    def change(self, row: OrderCopy, payload: Payload) -> None:
        """Update ``reference``, ``reference_origin`` and ``metadata``, and abort or retry.

        Raises :class:`RequestRefusedError` if the status of the copy forbids the trigger.
        """
        who, status = request_actor(self.request), row.status
        with transaction.atomic():
            if payload.attributes or not payload.trigger:
                copying.update_copy(row, payload.attributes, who=who)
            if payload.trigger:
                name = payload.trigger.name
                if name == "_retry":
                    check_copy(self.request, row)
                (problems,) = _triggers[name]([row], who=who)
                _refuse_for(name, problems)
            row.refresh_from_db()
        if payload.trigger and row.status != status:
            self._log(_triggered[payload.trigger.name], row)

    def destroy(self, request: Request, public_id: str) -> Response:
        """Delete a copy, unless it is in progress. Its target order stays."""
        self.query(self.resource)
        order_copy = self.find(request, public_id)
        copying.delete_copy(order_copy, who=request_actor(request))
        self._log("deleted", order_copy)
        return Response(status=204)

    def _read(self) -> OrderCopy:
        # The copy that the request describes, unsaved.
        payload = read_new(self.request.data, self.resource, self.request)
        order_copy = OrderCopy(**payload.attributes, **payload.relationships)
        check_copy(self.request, order_copy)
        return order_copy

    def _create(self, query: Query, name: Name | None = None) -> Response:
        order_copy = self._read()
        with granted_wait(self.request) as seconds:
            response = self._store(query, order_copy, name, is_waiting=bool(seconds))
            if seconds:
                wait_for_end(order_copy, seconds)
                response = self._created(query, order_copy)
                response["Preference-Applied"] = f"wait={seconds}"
                if name:
                    name.conclude(response.data)
        return response

    def _store(
        self, query: Query, order_copy: OrderCopy, name: Name | None, *, is_waiting: bool
    ) -> Response:
        with transaction.atomic():
            if name:
                name.claim()
            copying.request_copies([order_copy], who=request_actor(self.request))
            response = self._created(query, order_copy)
            if name:
                name.remember(order_copy, response.data, is_waiting=is_waiting)
        self._log("requested", order_copy)
        return response

    def _created(self, query: Query, order_copy: OrderCopy) -> Response:
        return _created(self.answer(query, self.resource, order_copy).data)

    def _repeat(self, query: Query, name: Name, first: IdempotentRequest) -> Response:
        # Return the stored response, if the client may still see the copy or the copy is deleted.
        key = first.order_factory_key
        assert key is not None, "a name is kept with its copy"
        order_copy = self.resource.rows(self.request).filter(pk=key).first()
        if order_copy is None and OrderCopy.objects.filter(pk=key).exists():
            raise RequestRefusedError(not_found())
        document = json.loads(first.answer)
        if order_copy is None:
            # The client may not be allowed to see the included resources any more.
            document.pop("included", None)
        response = _created(document)
        if first.is_waiting and order_copy is not None:
            # The process that waited for the end of the copy was killed.
            response = self._created(query, order_copy)
            name.conclude(response.data)
        response["Idempotent-Replayed"] = "true"
        return response

    def _log(self, what: str, order_copy: OrderCopy) -> None:
        # The record links the ``trace_id`` of the request to the records of workers on the copy.
        extra = log_fields(order_copy, trace_id=self.trace_id)
        logger.info("Copy %s was %s over the API", order_copy, what, extra=extra)

    def _preview(self, order_copy: OrderCopy) -> dict[str, Any]:
        (plan,) = copying.preview([order_copy])
        return {"data": None, "meta": {"dry_run": True, **plan_as_json(plan), **self.meta}}


_triggers = {"_abort": copying.abort_copies, "_retry": copying.retry_copies}
_triggered = {"_abort": "aborted", "_retry": "queued for a retry"}


def _refuse_for(attribute: str, problems: Sequence[Problem]) -> None:
    if problems:
        errors = (invalid("attributes", attribute, one.code, one.message) for one in problems)
        raise RequestRefusedError(*errors)


def _created(document: dict[str, Any]) -> Response:
    location = {"Location": document["data"]["links"]["self"]}
    return Response(document, status=201, headers=location)


class RecurringOrderCopyViewSet(OrderCopyViewSet):
    """``/recurring_order_copies``: the copies that subscriptions create."""

    type = serializers.RecurringOrderCopySerializer.type


class OrderFactoryViewSet(ReadOnlyViewSet):
    """``/order_factories``: copies of all kinds, read-only."""

    type = serializers.OrderFactorySerializer.type


class OrderViewSet(ReadOnlyViewSet):
    """``/orders``, for shops without an endpoint of their own; read-only."""

    type = serializers.OrderSerializer.type


class EventViewSet(ReadOnlyViewSet, UpdateMixin):
    """``/events``: read events, and trigger them again."""

    type = serializers.EventSerializer.type
    permission_classes = [IsAuthenticated, EventsPermission]

    def change(self, row: Event, payload: Payload) -> None:
        """Send the signal ``event_triggered`` if the request has the trigger."""
        if payload.trigger:
            trigger(row, who=request_actor(self.request))


class EventStoreViewSet(RetrieveMixin):
    """``/event_stores/{id}``: one change. Lists are relationships of the changed resource."""

    type = serializers.EventStoreSerializer.type


def plan_as_json(plan: CopyPlan) -> dict[str, Any]:
    """Return ``plan`` as the ``meta`` of a dry run. Amounts are in cents."""
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
        "plan_digest": plan.digest,
    }
