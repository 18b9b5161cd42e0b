"""Read the orders and copies in the database through a process that runs Django."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.serving import ROOT

FINAL_STATUSES = {"completed", "failed", "aborted"}


@dataclass(frozen=True)
class DatabaseState:
    """Orders and copies in the database at one moment."""

    #: Public ids.
    orders: frozenset[str]
    #: Status and public id of the target order, by the public id of the copy.
    copies: dict[str, tuple[str, str | None]]
    #: The number of rows of each model whose rows belong to an order.
    counts: dict[str, int]

    @classmethod
    def read(cls) -> "DatabaseState":
        """Read the database that the environment variables name."""
        command = [sys.executable, "-m", "tests.hostile.print_database_state"]
        printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        state: dict[str, Any] = json.loads(printed.splitlines()[-1])
        copies = {public_id: tuple(order_copy) for public_id, order_copy in state["copies"].items()}
        return cls(frozenset(state["orders"]), copies, state["counts"])
