"""What orders and copies there are, as a process with Django tells it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.serving import ROOT

ENDED = {"completed", "failed", "aborted"}


@dataclass(frozen=True)
class Rows:
    """What the database holds at one moment."""

    orders: frozenset[str]
    #: Of each copy its status, and the id of its target order.
    copies: dict[str, tuple[str, str | None]]
    #: How many rows each table has that holds a part of an order.
    parts: dict[str, int]

    @classmethod
    def now(cls) -> "Rows":
        """The rows of the database that the environment names."""
        command = [sys.executable, "-m", "tests.hostile.printed_rows"]
        printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        found: dict[str, Any] = json.loads(printed.splitlines()[-1])
        copies = {public_id: tuple(copy) for public_id, copy in found["copies"].items()}
        return cls(frozenset(found["orders"]), copies, found["parts"])
