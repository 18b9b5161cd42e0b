from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, connection
from django.utils import timezone
from django.utils.module_loading import import_string

from order_copies.conf import settings
from order_copies.db.retry import is_transient
from order_copies.management.arguments import positive, seconds
from order_copies.management.databases import DatabaseCommand
from order_copies.models import OrderFactory
from order_copies.worker.batches import Batch
from order_copies.worker.loop import Worker
from order_copies.worker.shutdown import RELEASED, Shutdown, TimeIsUpError, drop_connection


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


class Command(DatabaseCommand):
    """Run copies as they come in, until SIGTERM or Ctrl-C."""

    help = "Runs order copies as they come in, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--drain``, ``--batch-size``, ``--interval`` and ``--metrics-port``."""
        parser.add_argument(
            "--drain",
            action="store_true",
            help="Stop when there is nothing left to do.",
        )
        parser.add_argument("--batch-size", type=positive, help="How many copies to claim at once.")
        parser.add_argument(
            "--interval",
            type=seconds,
            help="Seconds to wait when there is nothing to do.",
        )
        parser.add_argument(
            "--metrics-port",
            type=_address,
            metavar="[ADDRESS:]PORT",
            help="Tell Prometheus here what this worker does, on 127.0.0.1 unless said.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to stop, or until done."""
        self.done = 0
        self.backlog = self.count_backlog(options)
        self.shows_progress = options["drain"] and options["verbosity"] > 0
        worker = Worker(
            batch_size=options["batch_size"],
            interval=options["interval"],
            on_batch=self.show_progress,
        )
        is_within_transaction = connection.in_atomic_block
        if not self.work(worker, options):
            if not is_within_transaction:
                drop_connection()
            self.hand_back(worker)
        self.say(f"Worker {worker.name} stopped: {self.done} copies done.", options)

    def work(self, worker: Worker, options: dict[str, Any]) -> bool:
        """Work until told to stop, or until done; whether the time for that was enough."""
        try:
            with self.metrics(options), Shutdown(worker, settings.SHUTDOWN_TIMEOUT):
                self.say(f"Worker {worker.name}: {self.backlog} copies to do.", options)
                worker.run(drain=options["drain"])
        except TimeIsUpError:
            return False
        return True

    def count_backlog(self, options: dict[str, Any]) -> int:
        """How many copies there are to do; 0 during trouble with the database, but for a drain.

        A worker may be up before its database is. For tables it does not wait.
        """
        try:
            return OrderFactory.objects.claimable(timezone.now()).count()
        except Error as error:
            if options["drain"] or not is_transient(error):
                raise
            return 0

    def metrics(self, options: dict[str, Any]) -> AbstractContextManager[object]:
        """Serve metrics, if that is asked for. Raises CommandError where it cannot be."""
        if options["metrics_port"] is None:
            return nullcontext()
        try:
            serve = import_string("order_copies.monitoring.metrics.serve")
            serving: AbstractContextManager[object] = serve(*options["metrics_port"])
        except ImportError:
            message = "Metrics need prometheus-client: pip install 'django-order-copies[metrics]'"
            raise CommandError(message) from None
        except OSError as error:
            message = f"Metrics cannot be served on that port: {error}"
            raise CommandError(message) from None
        return serving

    def hand_back(self, worker: Worker) -> None:
        """Hand back what was interrupted. Raises CommandError to say that there was something."""
        try:
            count = worker.release()
        except Error as error:
            message = f"Worker {worker.name} had no time left, its leases have to run out: {error}"
            raise CommandError(message, returncode=RELEASED) from error
        if count:
            copies = "1 copy" if count == 1 else f"{count} copies"
            message = f"Worker {worker.name} had no time left: {copies} handed back."
            raise CommandError(message, returncode=RELEASED)

    def say(self, message: str, options: dict[str, Any]) -> None:
        """Tell it, unless told to be silent."""
        if options["verbosity"] > 0:
            self.stdout.write(message)
            self.stdout.flush()

    def show_progress(self, batch: Batch) -> None:
        """Count the batch; by hand, on a terminal, one line that moves on."""
        self.done += batch.ended
        if self.shows_progress:
            total = max(self.backlog, self.done, 1)
            line = f"{self.done:>9,} of {total:,} copies ({self.done / total:.0%})"
            self.stdout.write(line, ending="\r" if self.stdout.isatty() else "\n")
            self.stdout.flush()
