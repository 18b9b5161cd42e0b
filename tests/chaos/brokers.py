"""A broker for Celery that tests can kill and restart."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import HOST, lasting_port


class Redis:
    """A Redis server without persistence: a restart loses all queued wake-ups."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.port = scratch, lasting_port()
        self.environment = {
            "CELERY_BROKER_URL": f"redis://{HOST}:{self.port}/0",
            "BEAT_SCHEDULE": str(scratch / "celerybeat-schedule"),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server while the context lasts."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start the server, empty."""
        keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(self.scratch)]
        self._server = subprocess.Popen(
            ["redis-server", "--bind", HOST, "--port", str(self.port), *keep_nothing],
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Kill the server."""
        self._server.kill()
        self._server.wait()
