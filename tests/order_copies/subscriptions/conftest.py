from collections.abc import Iterator

import pytest

from tests.bank import Bank, install_bank
from tests.subscriptions import DAY, FIRST, Clock, clock_at


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The clock of all code: it shows the day before the first slot."""
    yield from clock_at(FIRST - DAY)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The payment gateway."""
    return install_bank(monkeypatch)
