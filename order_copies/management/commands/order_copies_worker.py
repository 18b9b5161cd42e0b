import signal
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from order_copies.models import OrderFactory
from order_copies.running import Batch
from order_copies.worker import Worker


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "it must be at least 1"
        raise ArgumentTypeError(message)
    return number


class Command(BaseCommand):
    """Run copies as they come in, until SIGTERM or Ctrl-C."""

    help = "Runs order copies as they come in, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--drain``, ``--batch-size`` and ``--interval``."""
        parser.add_argument(
            "--drain",
            action="store_true",
            help="Stop when there is nothing left to do.",
        )
        parser.add_argument(
            "--batch-size", type=_positive, help="How many copies to claim at once."
        )
        parser.add_argument(
            "--interval",
            type=float,
            help="Seconds to wait when there is nothing to do.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to stop, or until done."""
        self.done = 0
        self.backlog = OrderFactory.objects.claimable(timezone.now()).count()
        self.shows_progress = options["drain"] and options["verbosity"] > 0
        worker = Worker(
            batch_size=options["batch_size"],
            interval=options["interval"],
            on_batch=self.show_progress,
        )
        before = {
            number: signal.signal(number, lambda *_: worker.stop())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        self.say(f"Worker {worker.name}: {self.backlog} copies to do.", options)
        try:
            worker.run(drain=options["drain"])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.say(f"Worker {worker.name} stopped: {self.done} copies done.", options)

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
