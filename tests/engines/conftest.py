from collections.abc import Iterator

import pytest

from tests.engines.plants import KINDS, ROOT, Client, Plant, plant

LOG = ROOT / "var" / "engines.log"


@pytest.fixture(scope="module", params=KINDS, ids=[name.replace(" ", "_") for name in KINDS])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Plant, Client]]:
    """A shop with one of the engines, and a client; their processes write to ``LOG``."""
    folder = tmp_path_factory.mktemp("shop")
    with LOG.open("ab") as log, plant(KINDS[request.param], folder, log) as made:
        yield made


@pytest.fixture
def shop(running: tuple[Plant, Client]) -> Plant:
    """A shop with one order, and a worker that runs."""
    return running[0]


@pytest.fixture
def client(running: tuple[Plant, Client]) -> Client:
    """Somebody who asks the shop for copies, in a process of its own."""
    return running[1]
