"""A readiness probe of the web process, for load balancers and orchestrators.

Add the view to your routes: ``path("healthz", HealthView.as_view())``. It needs no authentication
and reveals only a status word.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any

from django.db import Error, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from order_copies.db.retry import check_reachable
from order_copies.jsonapi.base_views import non_atomic
from order_copies.models import OrderFactory

logger = logging.getLogger("order_copies.monitoring.health")

#: Aliases of the databases that were found to be migrated, which stays true in a running process.
_migrated: set[str] = set()


@method_decorator(csrf_exempt, name="dispatch")
class Probe(View):
    """Base class of read-only views for programs, outside the transactions of ATOMIC_REQUESTS."""

    http_method_names = ["get", "head"]

    @classmethod
    def as_view(cls, **kwargs: Any) -> Callable[..., HttpResponse]:
        """Return the view function, which also responds if no transaction can be started."""
        view: Any = super().as_view(**kwargs)
        return non_atomic(view)


class HealthView(Probe):
    """``/healthz``: 200 if the database can be reached and is migrated, else 503 with the reason.

    One query; the first request also reads the state of the migrations.
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return ``{"status": "ok"}``, or ``unavailable`` and the reason."""
        reason = _why_unavailable()
        body = {"status": "unavailable", "reason": reason} if reason else {"status": "ok"}
        headers = {"Cache-Control": "no-store"}
        return JsonResponse(body, status=503 if reason else 200, headers=headers)


def _why_unavailable() -> str:
    connection = database_of_copies()
    try:
        check_reachable(connection)
        return "" if _has_been_migrated(connection) else "migrations"
    except Error as error:
        logger.warning("The database does not answer: %s", error)
        return "database"


def database_of_copies() -> BaseDatabaseWrapper:
    """Return the connection that reads of copies use."""
    return connections[router.db_for_read(OrderFactory)]


def _has_been_migrated(connection: BaseDatabaseWrapper) -> bool:
    if connection.alias not in _migrated and is_migrated(connection):
        _migrated.add(connection.alias)
    return connection.alias in _migrated


def is_migrated(connection: BaseDatabaseWrapper, apps: Collection[str] = ()) -> bool:
    """Return whether all migrations of ``apps``, or of every app, are applied.

    Raises the error of a database that cannot be reached.
    """
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    return not executor.migration_plan([leaf for leaf in leaves if not apps or leaf[0] in apps])
