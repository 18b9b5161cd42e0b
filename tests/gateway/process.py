"""The gateway as tests see it: a process, what it is told, and its books."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.gateway.moods import Mood

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 10


@dataclass(frozen=True)
class FakeGateway:
    """A gateway that is running."""

    url: str

    def is_in(self, mood: Mood | None = None, **weights: float) -> None:
        """From now on it is always in this mood, or in each with this weight, the rest of 1 fine.

        Payment sources whose tokens begin with a mood are met as they ask for.
        """
        self._call("/moods", {"weights": {mood: 1} if mood else weights})

    def ledger(self) -> dict[str, Any]:
        """Its ``authorizations`` and ``calls``."""
        ledger: dict[str, Any] = self._call("/ledger")
        return ledger

    def tokens(self, status: str = "live") -> Counter[str]:
        """The authorizations of this status, ``live``, ``voided`` or ``declined``."""
        entries = self.ledger()["authorizations"]
        return Counter(one["token"] for one in entries if one["status"] == status)

    def calls(self, what: str) -> int:
        """How often it was asked to ``authorize``, to ``void``."""
        return int(self.ledger()["calls"].get(what, 0))

    def _call(self, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        with urlopen(Request(self.url + path, body), timeout=TIMEOUT) as response:
            return json.load(response)


@contextmanager
def gateway_process(seed: int = 0) -> Iterator[FakeGateway]:
    """A gateway for as long as the context lasts."""
    command = [sys.executable, "-m", "tests.gateway", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield FakeGateway(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()
