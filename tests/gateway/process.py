"""The gateway as tests see it: start its process, set its mode, read its ledger."""

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

from tests.gateway.modes import Mode

ROOT = Path(__file__).resolve().parents[2]
#: Seconds.
TIMEOUT = 60


@dataclass(frozen=True)
class FakeGateway:
    """A running gateway."""

    url: str

    def set_mode(self, mode: Mode | None = None, **weights: float) -> None:
        """Handle all calls in this mode, or in each mode with its weight (the rest to 1: normal).

        Payment sources whose tokens begin with a mode keep that mode.
        """
        self._call("/modes", {"weights": {mode: 1} if mode else weights})

    def ledger(self) -> dict[str, Any]:
        """Return the ``authorizations`` and the number of ``calls`` of each kind."""
        ledger: dict[str, Any] = self._call("/ledger")
        return ledger

    def tokens(self, status: str = "live") -> Counter[str]:
        """Return the tokens of this status: ``live``, ``voided`` or ``declined``."""
        entries = self.ledger()["authorizations"]
        return Counter(entry["token"] for entry in entries if entry["status"] == status)

    def calls(self, kind: str) -> int:
        """Return the number of calls to ``authorize`` or to ``void``."""
        return int(self.ledger()["calls"].get(kind, 0))

    def _call(self, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        with urlopen(Request(self.url + path, body), timeout=TIMEOUT) as response:
            return json.load(response)


@contextmanager
def gateway_process(seed: int = 0) -> Iterator[FakeGateway]:
    """Run a gateway while the context lasts."""
    command = [sys.executable, "-m", "tests.gateway", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield FakeGateway(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()
