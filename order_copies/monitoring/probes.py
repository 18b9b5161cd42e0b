"""Whether this process can serve, for load balancers and orchestrators.

Include the view wherever you like: ``path("healthz", HealthView.as_view())``. It asks nobody who
they are, and tells nothing but a word.
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

from order_copies.db.retry import ask
from order_copies.jsonapi.api_views import non_atomic
from order_copies.models import OrderFactory

logger = logging.getLogger("order_copies.monitoring.health")

#: The databases that have been seen to be migrated: that does not change under a running process.
_migrated: set[str] = set()


@method_decorator(csrf_exempt, name="dispatch")
class Probe(View):
    """A view for programs that only look, outside of the transactions of ``ATOMIC_REQUESTS``."""

    http_method_names = ["get", "head"]

    @classmethod
    def as_view(cls, **kwargs: Any) -> Callable[..., HttpResponse]:
        """The view, which answers too when no transaction can be begun."""
        view: Any = super().as_view(**kwargs)
        return non_atomic(view)


class HealthView(Probe):
    """``/healthz``: 200 when the database answers and is migrated, else 503 and what is amiss.

    One query, and the first time those that tell of migrations.
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        """The answer, in JSON."""
        trouble = _trouble()
        body = {"status": "unavailable", "reason": trouble} if trouble else {"status": "ok"}
        headers = {"Cache-Control": "no-store"}
        return JsonResponse(body, status=503 if trouble else 200, headers=headers)


def _trouble() -> str:
    connection = database_of_copies()
    try:
        ask(connection)
        return "" if _has_been_migrated(connection) else "migrations"
    except Error as error:
        logger.warning("The database does not answer: %s", error)
        return "database"


def database_of_copies() -> BaseDatabaseWrapper:
    """The connection on which copies are read."""
    return connections[router.db_for_read(OrderFactory)]


def _has_been_migrated(connection: BaseDatabaseWrapper) -> bool:
    if connection.alias not in _migrated and is_migrated(connection):
        _migrated.add(connection.alias)
    return connection.alias in _migrated


def is_migrated(connection: BaseDatabaseWrapper, apps: Collection[str] = ()) -> bool:
    """Whether this database has all tables of these apps, or of all. Raises what it raises."""
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    return not executor.migration_plan([leaf for leaf in leaves if not apps or leaf[0] in apps])
