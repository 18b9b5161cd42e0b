"""``/healthz``: the readiness probe."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext

from order_copies.monitoring import probes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_new_process() -> Iterator[None]:
    """Forget the cached state of the migrations."""
    probes._migrated.clear()
    yield
    probes._migrated.clear()


def test_healthz__ok() -> None:
    # when
    response = Client().get("/healthz")

    # then
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


def test_healthz__costs_one_query_after_the_first_request() -> None:
    Client().get("/healthz")

    with CaptureQueriesContext(connection) as queries:
        Client().get("/healthz")

    assert [query["sql"] for query in queries] == ["SELECT 1"]


def test_healthz__unreachable_database_is_unavailable_without_details(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    def cursor() -> Any:
        raise OperationalError("no route to 10.0.0.7")

    monkeypatch.setattr(connection, "cursor", cursor)

    # when
    response = Client(raise_request_exception=False).get("/healthz")

    # then
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "reason": "database"}
    assert "no route to 10.0.0.7" in caplog.text


def test_healthz__pending_migrations_are_unavailable() -> None:
    # given
    applied = MigrationRecorder(connection).migration_qs.filter(app="order_copies")
    row = applied.latest("pk")
    applied.filter(pk=row.pk).delete()

    # when
    before = Client().get("/healthz")
    row.save()
    after = Client().get("/healthz")

    # then
    assert before.status_code == 503
    assert before.json() == {"status": "unavailable", "reason": "migrations"}
    assert (after.status_code, after.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_healthz__other_methods_are_not_allowed(method: str) -> None:
    response = Client(enforce_csrf_checks=True).generic(method, "/healthz")

    assert (response.status_code, response.content) == (405, b"")


def test_healthz__answers_head() -> None:
    response = Client().head("/healthz")

    assert (response.status_code, response.content) == (200, b"")
