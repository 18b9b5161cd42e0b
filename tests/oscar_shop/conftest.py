import pytest
from hypothesis import HealthCheck, settings

from tests.oscar_shop.shopping import make_product, make_user

# Each example places orders through Oscar's checkout, at a hundred queries or more.
settings.register_profile(
    "oscar",
    deadline=None,
    max_examples=5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("oscar")


@pytest.fixture
def ann(db):
    """A customer."""
    return make_user()


@pytest.fixture
def teapot(db):
    """A product with ten pieces in stock."""
    return make_product()
