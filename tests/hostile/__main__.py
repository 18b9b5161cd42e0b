"""Serve the demo shop, send it hostile requests, check the responses and the database:
``python -m tests.hostile``.
"""

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import chain
from secrets import randbelow

from tests.hostile.database import empty_database
from tests.hostile.database_state import FINAL_STATUSES, DatabaseState
from tests.hostile.faults import fault
from tests.hostile.generators import generate_request
from tests.hostile.requests import HostileRequest
from tests.hostile.responses import Connection, Response
from tests.hostile.vocabulary import Vocabulary, read_vocabulary
from tests.serving import HOST, ROOT, DemoShop, demo_shop

LOG = ROOT / "var" / "hostile.log"
#: Log lines of a crash. Django also logs requests that it refuses as errors (django.security).
CRASH = re.compile(r"^.* ERROR (?!django\.security).*|.*\[(?:ERROR|CRITICAL)\].*", re.MULTILINE)
THREADS = 4


@dataclass(frozen=True)
class Exchange:
    """A request and its response."""

    number: int
    request: HostileRequest
    response: Response

    @property
    def fault(self) -> str:
        """What is wrong with the response, or an empty string."""
        return fault(self.request, self.response)

    @property
    def created_copy(self) -> str | None:
        """The public id of the copy that the response reports as created."""
        if self.response.status != 201:
            return None
        return str(self.response.document["data"]["id"])

    @property
    def deleted_copy(self) -> str | None:
        """The public id of the copy that the response reports as deleted."""
        if self.response.status != 204 or self.request.method != "DELETE":
            return None
        return self.request.target.partition(b"?")[0].rsplit(b"/", 1)[-1].decode()


def main(arguments: list[str]) -> int:
    """Return the exit status: 1 if there are faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument(
        "--seed", type=int, default=randbelow(10**6), help="Seed of the random generator."
    )
    parser.add_argument(
        "--requests", type=int, default=10_000, help="Number of requests (default: 10000)."
    )
    parser.add_argument(
        "--only", type=int, help="Send only the request of this number; print it and its response."
    )
    options = parser.parse_args(arguments)
    with empty_database() as database, demo_shop(LOG, database, has_worker=False) as shop:
        port = shop.serve("server")
        shop.wait_for(port)
        vocabulary = read_vocabulary(shop, port)
        if options.only is not None:
            return repeat(options.seed, options.only, vocabulary, port)
        print(f"Seed {options.seed}: {options.requests:,} requests to {HOST}:{port}.", flush=True)
        return 1 if attack(shop, vocabulary, port, options.seed, options.requests) else 0


def repeat(seed: int, number: int, vocabulary: Vocabulary, port: int) -> int:
    """Send one request and print all of it and of its response. Return the exit status."""
    exchange = next(exchanges(seed, [number], vocabulary, port))
    print(ascii(exchange.request.as_bytes()), ascii(exchange.response), sep="\n\n")
    print(f"\nFAULT: {exchange.fault}" if exchange.fault else "\nNo fault.")
    return 1 if exchange.fault else 0


def attack(shop: DemoShop, vocabulary: Vocabulary, port: int, seed: int, count: int) -> list[str]:
    """Send the requests 0 to ``count - 1`` in parallel; print and return all faults."""
    before = DatabaseState.read()
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        shares = [range(first, count, THREADS) for first in range(THREADS)]
        results = pool.map(lambda share: list(exchanges(seed, share, vocabulary, port)), shares)
        completed = sorted(chain.from_iterable(results), key=lambda exchange: exchange.number)
    print_summary(completed, time.monotonic() - began)
    faults = [
        f"request {exchange.number}: {exchange.fault}; "
        f"to repeat: python -m tests.hostile --seed {seed} --only {exchange.number}\n"
        f"    {exchange.request}\n    => {exchange.response.body[:600]!a}"
        for exchange in completed
        if exchange.fault
    ]
    faults += chain(server_faults(port), database_faults(shop, before, completed))
    for found in faults:
        print(f"FAULT: {found}")
    print(f"Faults: {len(faults)}.", flush=True)
    return faults


def exchanges(
    seed: int, numbers: Iterable[int], vocabulary: Vocabulary, port: int
) -> Iterator[Exchange]:
    """Send the requests of these numbers in sequence."""
    connection = Connection(port)
    for number in numbers:
        request = generate_request(seed, number, vocabulary)
        yield Exchange(number, request, connection.send(request))
    connection.close()


def print_summary(completed: list[Exchange], seconds: float) -> None:
    """Print the number of responses per status and the slowest response."""
    statuses = Counter(exchange.response.status or "none" for exchange in completed)
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items(), key=str))
    slowest = max(completed, key=lambda exchange: exchange.response.seconds)
    print(f"{len(completed):,} requests in {seconds:.0f} seconds: {counts}.")
    print(f"Slowest: request {slowest.number}, {slowest.response.seconds:.1f} seconds.")


def server_faults(port: int) -> Iterator[str]:
    """Check that the server still responds and that its log reports no crash."""
    connection = HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    if status != 200:
        yield f"/healthz responds with {status} instead of 200"
    connection.close()
    crashes = CRASH.findall(LOG.read_text(errors="replace"))
    if crashes:
        yield f"{len(crashes)} crashes in {LOG}, the first: {crashes[0]!r}"


def database_faults(
    shop: DemoShop, before: DatabaseState, completed: Iterable[Exchange]
) -> Iterator[str]:
    """Compare the database with what the responses report, before and after the copies have run."""
    created = {exchange.created_copy for exchange in completed if exchange.created_copy}
    deleted = {exchange.deleted_copy for exchange in completed if exchange.deleted_copy}
    expected = (before.copies.keys() | created) - deleted
    after = DatabaseState.read()
    missing, unexpected = expected - after.copies.keys(), after.copies.keys() - expected
    if missing or unexpected:
        yield f"copies are missing: {sorted(missing)}, or were never reported: {sorted(unexpected)}"
    if (after.orders, after.counts) != (before.orders, before.counts):
        yield f"orders have changed before any copy ran: from {before.counts} to {after.counts}"
    shop.drain()
    yield from _faults_after_copies_ran(before, DatabaseState.read())


def audit_faults() -> Iterator[str]:
    """Run the command ``audit_order_copies``."""
    command = [sys.executable, "manage.py", "audit_order_copies"]
    audit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if audit.returncode:
        yield f"the audit found faults:\n{audit.stdout}{audit.stderr}"


def _faults_after_copies_ran(before: DatabaseState, after: DatabaseState) -> Iterator[str]:
    targets = {target for _status, target in after.copies.values()} - {None}
    lost = before.orders - after.orders
    if lost or after.orders - before.orders != targets - before.orders:
        yield f"orders were lost: {sorted(lost)}, or new orders are not the targets of copies"
    unfinished = [
        public_id
        for public_id, (status, _target) in after.copies.items()
        if status not in FINAL_STATUSES
    ]
    if unfinished:
        yield f"copies have not finished: {unfinished}"
    yield from audit_faults()
    created = len(after.orders) - len(before.orders)
    print(f"Finished copies: {len(after.copies)}. Orders that they created: {created}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
