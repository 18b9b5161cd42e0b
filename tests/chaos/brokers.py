"""A broker for Celery, as seen by those who pull its plug."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import HOST, lasting_port


class Redis:
    """A server of its own that keeps nothing: a restart loses every wake-up that was on its way."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.port = scratch, lasting_port()
        self.environment = {
            "CELERY_BROKER_URL": f"redis://{HOST}:{self.port}/0",
            "BEAT_SCHEDULE": str(scratch / "celerybeat-schedule"),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """It runs for as long as the context lasts."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def restart(self) -> None:
        """Kill it and start it anew."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start it with nothing in it."""
        keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(self.scratch)]
        self._server = subprocess.Popen(
            ["redis-server", "--bind", HOST, "--port", str(self.port), *keep_nothing],
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Kill it."""
        self._server.kill()
        self._server.wait()
