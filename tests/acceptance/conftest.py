from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.acceptance.shops import PATH, InterferedShop


@pytest.fixture
def shop(settings: LazySettings) -> Iterator[type[InterferedShop]]:
    """The shop that tests interfere with; crashed copies and lapsed leases are retried at once."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "RETRY_PAUSE": -1}
    yield InterferedShop
    InterferedShop.before.clear()
    InterferedShop.calls.clear()
