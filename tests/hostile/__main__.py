"""Serve the demo shop, send it hostile requests, and look what came of it:
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

from tests.hostile.answers import Answer, Connection, complaint
from tests.hostile.asked import Asked
from tests.hostile.databases import empty_database
from tests.hostile.kinds import request
from tests.hostile.rows import ENDED, Rows
from tests.hostile.world import World, world_of
from tests.serving import HOST, ROOT, DemoShop, demo_shop

LOG = ROOT / "var" / "hostile.log"
#: What the log says of nothing but crashes; what Django refuses is an error there too.
CRASH = re.compile(r"^.* ERROR (?!django\.security).*|.*\[(?:ERROR|CRITICAL)\].*", re.MULTILINE)
THREADS = 4
COPIES = (b"/api/order_copies", b"/api/recurring_order_copies")


@dataclass(frozen=True)
class Exchange:
    """A request and what came back."""

    number: int
    asked: Asked
    answer: Answer

    @property
    def complaint(self) -> str:
        """What is wrong with the answer, if anything is."""
        return complaint(self.asked, self.answer)

    @property
    def made(self) -> str | None:
        """The id of the copy that was made, as the answer says."""
        if self.answer.status != 201:
            return None
        return str(self.answer.document["data"]["id"])

    @property
    def deleted(self) -> str | None:
        """The id of the copy that was deleted, as the answer says."""
        if self.answer.status != 204 or self.asked.method != "DELETE":
            return None
        return self.asked.target.partition(b"?")[0].rsplit(b"/", 1)[-1].decode()


def main(arguments: list[str]) -> int:
    """1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("--seed", type=int, default=randbelow(10**6), help="Of all that is random.")
    parser.add_argument("--requests", type=int, default=10_000, help="How many are sent.")
    parser.add_argument("--only", type=int, help="Send the request of this number, and show both.")
    options = parser.parse_args(arguments)
    with empty_database() as database, demo_shop(LOG, database, has_worker=False) as shop:
        port = shop.serve("server")
        shop.wait_for(port)
        world = world_of(shop, port)
        if options.only is not None:
            return repeat(options.seed, options.only, world, port)
        print(f"Seed {options.seed}: {options.requests:,} requests to {HOST}:{port}.", flush=True)
        return 1 if attack(shop, world, port, options.seed, options.requests) else 0


def repeat(seed: int, number: int, world: World, port: int) -> int:
    """Send one request, and print it and its answer whole."""
    exchange = next(exchanges(seed, [number], world, port))
    print(ascii(exchange.asked.as_bytes()), ascii(exchange.answer), sep="\n\n")
    print(f"\n{exchange.complaint or 'All is well.'}")
    return 1 if exchange.complaint else 0


def attack(shop: DemoShop, world: World, port: int, seed: int, count: int) -> list[str]:
    """Send all requests; what is wrong, which is printed too."""
    before = Rows.now()
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        shares = [range(first, count, THREADS) for first in range(THREADS)]
        done = pool.map(lambda share: list(exchanges(seed, share, world, port)), shares)
        all_of_them = sorted(chain.from_iterable(done), key=lambda exchange: exchange.number)
    seconds = time.monotonic() - began
    summarize(all_of_them, seconds)
    wrong = [
        f"request {exchange.number} ({exchange.complaint}); "
        f"again: python -m tests.hostile --seed {seed} --only {exchange.number}\n"
        f"    {exchange.asked}\n    => {exchange.answer.body[:600]!a}"
        for exchange in all_of_them
        if exchange.complaint
    ]
    wrong += chain(troubles_of_server(port), troubles_of_rows(shop, before, all_of_them))
    for one in wrong:
        print(f"WRONG: {one}")
    print(f"{len(wrong)} things are wrong." if wrong else "Nothing is wrong.", flush=True)
    return wrong


def exchanges(seed: int, numbers: Iterable[int], world: World, port: int) -> Iterator[Exchange]:
    """Send the requests of these numbers, one after the other."""
    connection = Connection(port)
    for number in numbers:
        asked = request(seed, number, world)
        yield Exchange(number, asked, connection.ask(asked))
    connection.close()


def summarize(all_of_them: list[Exchange], seconds: float) -> None:
    """Print how many requests were answered how, and how fast."""
    statuses = Counter(exchange.answer.status or "none" for exchange in all_of_them)
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items(), key=str))
    slowest = max(all_of_them, key=lambda exchange: exchange.answer.seconds)
    print(f"{len(all_of_them):,} requests in {seconds:.0f} seconds: {counts}.")
    print(f"The slowest: request {slowest.number}, {slowest.answer.seconds:.1f} seconds.")


def troubles_of_server(port: int) -> Iterator[str]:
    """Whether it still answers, and whether it said that anything crashed."""
    connection = HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", "/healthz")
    if connection.getresponse().status != 200:
        yield "/healthz does not answer 200"
    connection.close()
    crashes = CRASH.findall(LOG.read_text(errors="replace"))
    if crashes:
        yield f"the log tells of {len(crashes)} crashes, {crashes[0]!r} first"


def troubles_of_rows(
    shop: DemoShop, before: Rows, all_of_them: Iterable[Exchange]
) -> Iterator[str]:
    """Whether the rows are those that the answers tell of, before and after the copies ran."""
    made = {exchange.made for exchange in all_of_them} - {None}
    deleted = {exchange.deleted for exchange in all_of_them} - {None}
    after = Rows.now()
    wanted = (before.copies.keys() | made) - deleted
    if after.copies.keys() != wanted:
        lost, unasked = wanted - after.copies.keys(), after.copies.keys() - wanted
        yield f"copies were lost: {sorted(lost)}, or made unasked: {sorted(unasked)}"
    if (after.orders, after.parts) != (before.orders, before.parts):
        yield f"orders have changed: {before.parts} before, {after.parts} after"
    shop.drain()
    yield from _troubles_in_the_end(before, Rows.now())


def audited() -> Iterator[str]:
    """What the audit of the shop finds."""
    command = [sys.executable, "manage.py", "audit_order_copies"]
    audit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if audit.returncode:
        yield f"the audit found something:\n{audit.stdout}{audit.stderr}"


def _troubles_in_the_end(before: Rows, end: Rows) -> Iterator[str]:
    targets = {target for _status, target in end.copies.values()} - {None}
    if end.orders - before.orders != targets - before.orders or not before.orders <= end.orders:
        yield "orders are no targets of copies, or were lost"
    waiting = [public_id for public_id, copy in end.copies.items() if copy[0] not in ENDED]
    if waiting:
        yield f"copies have not ended: {waiting}"
    yield from audited()
    made = len(end.orders) - len(before.orders)
    print(f"{len(end.copies)} copies have ended; {made} orders were made by them.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
