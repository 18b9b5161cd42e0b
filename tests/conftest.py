"""Shared by all tests: marks, hypothesis profiles, garbage collection, and an actor."""

import gc
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# `make test` draws few examples, `make test-slow` more.
settings.register_profile(
    "suite",
    deadline=None,
    max_examples=10,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=50)
#: 100 batches of 50 orders for each half of the laws: see tests/laws.
settings.register_profile("laws", settings.get_profile("suite"), max_examples=100)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses a database for processes with ``processes``."""
    for item in items:
        if "migrated_database" in getattr(item, "fixturenames", ()):
            item.add_marker("processes")


def pytest_collection_finish() -> None:
    """Exclude the imported modules from garbage collection, for speed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture
def who() -> dict[str, Any]:
    """The actor of requests."""
    return {"owner": {"type": "users", "id": "1", "email": "staff@example.com"}}
