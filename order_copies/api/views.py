"""The viewsets of the API. A shop may subclass them and route its subclasses instead."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies import copying
from order_copies.api import serializers
from order_copies.api.idempotency import Name, answer_once
from order_copies.api.openapi import CREATE_OFFER
from order_copies.api.permissions import CopiesPermission, EventsPermission, check_copy
from order_copies.api.prefer import granted_wait
from order_copies.api.visible_events import visible_events
from order_copies.events.models import Event
from order_copies.events.recording import request_actor, trigger
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.jsonapi.errors import RequestRefusedError, invalid, not_found
from order_copies.jsonapi.pagination import CursorPagination
from order_copies.jsonapi.scopes import READ, check_scopes, is_sales_channel
from order_copies.jsonapi.views import (
    CreateMixin,
    DestroyMixin,
    ReadOnlyViewSet,
    RetrieveMixin,
    UpdateMixin,
)
from order_copies.logs import log_fields
from order_copies.models import (
    IdempotentRequest,
    Kind,
    OrderCopy,
    OrderFactory,
    RecurringOrderCopy,
)
from order_copies.plans import CopyPlan, Problem, errors_count, errors_log
from order_copies.shops import get_shop
from order_copies.subscriptions import rules, schedule

logger = logging.getLogger("order_copies.copies")


class OrderFactoryViewSet(ReadOnlyViewSet):
    """``/order_factories``: copies of all kinds, read-only."""

    queryset: QuerySet[Any] = OrderFactory.objects.all()
    serializer_class = serializers.OrderFactorySerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the copies that the client may see."""
        return get_shop().order_copies_for(self.request, super().get_queryset())


class OrderCopyViewSet(CreateMixin, UpdateMixin, DestroyMixin, OrderFactoryViewSet):
    """``/order_copies``: create, preview, read, annotate, abort, retry and delete copies."""

    queryset = OrderCopy.objects.all()
    serializer_class = serializers.OrderCopySerializer
    permission_classes = [IsAuthenticated, CopiesPermission]
    extra_parameters = {"create": ["dry_run"]}
    offers = {"create": CREATE_OFFER}

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a copy, once per ``Idempotency-Key``; preview it with ``dry_run=true``."""
        if self.query.dry_run:
            check_scopes(request, READ)
            return Response(self._preview(self._read()))
        name = Name.of(request)
        if name is None:
            return self._create()
        return answer_once(
            name,
            create=lambda: self._create(name),
            repeat=lambda first: self._repeat(name, first),
        )

    def perform_update(self, serializer: Any) -> None:
        """Update ``reference``, ``reference_origin`` and ``metadata``, and abort or retry.

        Raises :class:`RequestRefusedError` if the status of the copy forbids the trigger.
        """
        order_copy, sent_trigger = serializer.instance, serializer.trigger
        actor, status = request_actor(self.request), order_copy.status
        with transaction.atomic():
            if serializer.changes or not sent_trigger:
                copying.update(order_copy, actor=actor, **serializer.changes)
            if sent_trigger:
                if sent_trigger == "_retry":
                    check_copy(self.request, order_copy)
                (problems,) = _triggers[sent_trigger]([order_copy], actor=actor)
                _refuse_for(sent_trigger, problems)
            order_copy.refresh_from_db()
        if sent_trigger and order_copy.status != status:
            self._log(_triggered[sent_trigger], order_copy)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a copy, unless it is in progress. Its target order stays."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: OrderCopy) -> None:
        """Delete the copy. Raises ``NotDeletableError`` if it is in progress."""
        copying.delete([instance], actor=request_actor(self.request))
        self._log("deleted", instance)

    def _read(self) -> Any:
        # The copy that the request describes, unsaved.
        serializer = self.get_serializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        order_copy = self._of(dict(serializer.validated_data))
        check_copy(self.request, order_copy)
        return order_copy

    def _of(self, values: dict[str, Any]) -> Any:
        [order_copy] = copying.unsaved([values.pop("source_order")], **values)
        return order_copy

    def _create(self, name: Name | None = None) -> Response:
        order_copy = self._read()
        with granted_wait(self.request) as seconds:
            response = self._store(order_copy, name, is_waiting=bool(seconds))
            if seconds:
                copying.wait([order_copy], seconds)
                # If the copy was deleted in the meantime, return it as it was requested.
                order_copy = self.get_queryset().filter(pk=order_copy.pk).first() or order_copy
                response = self.created(self.get_serializer(order_copy).data)
                response["Preference-Applied"] = f"wait={seconds}"
                if name:
                    name.conclude(response.data)
        return response

    def _store(self, order_copy: OrderFactory, name: Name | None, *, is_waiting: bool) -> Response:
        with transaction.atomic():
            if name:
                name.claim()
            self._request(order_copy)
            response = self.created(self.get_serializer(order_copy).data)
            if name:
                name.remember(order_copy, response.data, is_waiting=is_waiting)
        self._log("requested", order_copy)
        return response

    def _request(self, order_copy: Any) -> None:
        copying.request_copies([order_copy], actor=request_actor(self.request))

    def _repeat(self, name: Name, first: IdempotentRequest) -> Response:
        # Return the stored response, if the client may still see the copy or the copy is deleted.
        key = first.order_factory_key
        assert key is not None, "a name is kept with its copy"
        order_copy = self.get_queryset().filter(pk=key).first()
        if order_copy is None and OrderFactory.objects.filter(pk=key).exists():
            raise RequestRefusedError(not_found())
        document = json.loads(first.answer)
        if order_copy is None:
            # The client may not be allowed to see the included resources any more.
            document.pop("included", None)
        response = self.created(document)
        if first.is_waiting and order_copy is not None:
            # The process that waited for the end of the copy was killed.
            response = self.created(self.get_serializer(order_copy).data)
            name.conclude(response.data)
        response["Idempotent-Replayed"] = "true"
        return response

    def _log(self, what: str, order_copy: OrderFactory) -> None:
        # The record links the ``trace_id`` of the request to the records of workers on the copy.
        extra = log_fields(order_copy, trace_id=self.trace_id)
        logger.info("Copy %s was %s over the API", order_copy, what, extra=extra)

    def _preview(self, order_copy: OrderCopy) -> dict[str, Any]:
        (plan,) = copying.preview_copies([order_copy])
        return {"data": None, "meta": {"dry_run": True, **plan_as_json(plan), **self.meta}}


_triggers = {"_abort": copying.abort, "_retry": copying.retry}
_triggered = {"_abort": "aborted", "_retry": "queued for a retry"}


def _refuse_for(attribute: str, problems: Sequence[Problem]) -> None:
    if problems:
        errors = (invalid("attributes", attribute, one.code, one.message) for one in problems)
        raise RequestRefusedError(*errors)


class RecurringOrderCopyViewSet(OrderCopyViewSet):
    """``/recurring_order_copies``: the copies that automatic subscriptions create.

    A client creates the copy of the next slot of a subscription, before its time.
    """

    queryset = RecurringOrderCopy.objects.all()
    serializer_class = serializers.RecurringOrderCopySerializer

    def _of(self, values: dict[str, Any]) -> Any:
        scheduled = schedule.new_copy(values["order_subscription"], get_shop())
        order_copy = RecurringOrderCopy(
            type=Kind.RECURRING_ORDER_COPIES,
            **{
                "place_target_order": scheduled.place_target_order,
                "reuse_wallet": scheduled.reuse_wallet,
                **values,
            },
        )
        one = values["order_subscription"]
        if problems := rules.of_recurring(one, order_copy, timezone.now()):
            raise SubscriptionRefusedError(problems)
        return order_copy

    def _request(self, order_copy: Any) -> None:
        copying.request_recurring(order_copy, actor=request_actor(self.request))


class OrderViewSet(ReadOnlyViewSet):
    """``/orders``, for shops without an endpoint of their own; read-only."""

    serializer_class = serializers.order_serializer()

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the orders that the client may see."""
        return get_shop().orders_for(self.request)


class EventViewSet(UpdateMixin, ReadOnlyViewSet):
    """``/events``: read events, and trigger them again."""

    serializer_class = serializers.EventSerializer
    permission_classes = [IsAuthenticated, EventsPermission]

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the visible events that have a topic."""
        return visible_events(self.request, without="events").exclude(name="")

    def perform_update(self, serializer: Any) -> None:
        """Send the signal ``event_triggered`` if the request has the trigger."""
        if serializer.trigger:
            trigger(serializer.instance, who=request_actor(self.request))


class EventStoreViewSet(RetrieveMixin):
    """``/event_stores/{id}``: one change. Lists are relationships of the changed resource."""

    serializer_class = serializers.EventStoreSerializer
    filter_backends = []
    pagination_class = CursorPagination

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the visible changes if the client may view events, otherwise none.

        The token of a sales channel is not sufficient, only that of an integration (contract 4.3).
        """
        has_permission = self.request.user.has_perm("order_copies_events.view_event")
        if not has_permission or is_sales_channel(self.request):
            return Event.objects.none()
        return visible_events(self.request)


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
