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
from order_copies.monitoring.health import counted
from order_copies.worker.batches import Batch
from order_copies.worker.loop import Worker
from order_copies.worker.shutdown import RELEASED, Shutdown, TimeIsUpError, drop_connection


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


class Command(DatabaseCommand):
    """Run the polling worker until SIGTERM or Ctrl-C."""

    help = "Polls the database for order copies and runs them, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--drain``, ``--batch-size``, ``--interval`` and ``--metrics-port``."""
        parser.add_argument(
            "--drain",
            action="store_true",
            help="Stop when all copies have ended.",
        )
        parser.add_argument(
            "--batch-size",
            type=positive,
            help="Number of copies to claim at once. Default: the setting BATCH_SIZE.",
        )
        parser.add_argument(
            "--interval",
            type=seconds,
            help="Seconds between two queries while idle. Default: the setting POLL_INTERVAL.",
        )
        parser.add_argument(
            "--metrics-port",
            type=_address,
            metavar="[ADDRESS:]PORT",
            help="Serve Prometheus metrics of this worker here. Default address: 127.0.0.1.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run batches until stopped, or drained.

        Raises CommandError with exit status 75 if the time to stop was not sufficient and copies
        were released.
        """
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
            self.release(worker)
        ended = counted(self.done, "copy", "copies")
        self.write_line(f"Worker {worker.name} stopped: {ended} ended.", options)

    def work(self, worker: Worker, options: dict[str, Any]) -> bool:
        """Run batches until stopped or drained; return False if interrupted after the timeout."""
        try:
            with self.metrics(options), Shutdown(worker, settings.SHUTDOWN_TIMEOUT):
                backlog = counted(self.backlog, "copy", "copies")
                self.write_line(f"Worker {worker.name}: {backlog} to run.", options)
                worker.run(drain=options["drain"])
        except TimeIsUpError:
            return False
        return True

    def count_backlog(self, options: dict[str, Any]) -> int:
        """Return the number of copies that can be claimed; 0 after a transient error.

        A worker may start before its database, unless it drains. Any other error is raised, such
        as that of missing tables.
        """
        try:
            return OrderFactory.objects.claimable(timezone.now()).count()
        except Error as error:
            if options["drain"] or not is_transient(error):
                raise
            return 0

    def metrics(self, options: dict[str, Any]) -> AbstractContextManager[object]:
        """Serve metrics if requested. Raises CommandError if the package or port is unavailable."""
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

    def release(self, worker: Worker) -> None:
        """Release the copies that were interrupted. Raises CommandError if there are any."""
        try:
            count = worker.release()
        except Error as error:
            message = f"Worker {worker.name} ran out of time, its leases must expire: {error}"
            raise CommandError(message, returncode=RELEASED) from error
        if count:
            message = f"Worker {worker.name} ran out of time: {counted(count, 'copy', 'copies')}"
            raise CommandError(f"{message} released.", returncode=RELEASED)

    def write_line(self, message: str, options: dict[str, Any]) -> None:
        """Print ``message`` and flush, unless the verbosity is 0."""
        if options["verbosity"] > 0:
            self.stdout.write(message)
            self.stdout.flush()

    def show_progress(self, batch: Batch) -> None:
        """Count the batch; with ``--drain``, print the progress, on a terminal in one line."""
        self.done += batch.ended
        if self.shows_progress:
            total = max(self.backlog, self.done, 1)
            line = f"{self.done:>9,} of {total:,} copies ({self.done / total:.0%})"
            self.stdout.write(line, ending="\r" if self.stdout.isatty() else "\n")
            self.stdout.flush()
