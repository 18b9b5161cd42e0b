"""What all tests share: how hard hypothesis tries, and who acts."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=500)
#: 250 batches of 20 orders for each half of the laws: see tests/laws.
settings.register_profile("laws", settings.get_profile("suite"), max_examples=250)
settings.load_profile("suite")


@pytest.fixture
def who() -> dict[str, Any]:
    """The one who asks for copies."""
    return {"owner": {"type": "users", "id": "1", "email": "staff@example.com"}}
