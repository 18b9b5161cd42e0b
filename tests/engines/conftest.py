from collections.abc import Iterator

import pytest

from tests.engines.deployments import KINDS, ROOT, Client, Deployment, deployment

LOG = ROOT / "var" / "engines.log"


@pytest.fixture(scope="module", params=KINDS, ids=[name.replace(" ", "_") for name in KINDS])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, Client]]:
    """A shop with one of the engines, and a client; their processes log to ``LOG``."""
    folder = tmp_path_factory.mktemp("shop")
    with LOG.open("ab") as log, deployment(KINDS[request.param], folder, log) as shop_and_client:
        yield shop_and_client


@pytest.fixture
def shop(running: tuple[Deployment, Client]) -> Deployment:
    """A shop with one order and a running worker."""
    return running[0]


@pytest.fixture
def client(running: tuple[Deployment, Client]) -> Client:
    """A client of the shop, in a process of its own."""
    return running[1]
