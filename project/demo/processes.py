"""The processes of the demo, which live and die together."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from project.demo.errors import DemoError

#: The options of gunicorn in the demo, in production and in tests. Each slow client keeps a
#: thread; clients that poll reuse a connection; filters, and links that repeat them, can be long.
SERVER_OPTIONS = ["--threads", "24", "--keep-alive", "75", "--limit-request-line", "8190"]
INTERVAL = 0.1
#: Seconds that a process may take to stop before it is killed.
PATIENCE = 10


def web_server(address: str) -> list[str]:
    """The arguments of Python that serve the project at this host and port, with few log lines."""
    quiet = ["--log-level", "warning", "--graceful-timeout", "5", "--no-control-socket"]
    return ["-m", "gunicorn", "project.wsgi", "--bind", address, *SERVER_OPTIONS, *quiet]


class Processes:
    """Children in the process group of the demo, so that Ctrl-C reaches them all.

    A context manager: whoever leaves it leaves no child behind.
    """

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, output: IO[bytes] | None = None) -> None:
        """Start Python with these arguments; ``name`` is what people are told of it.

        What it says goes where our own words go, or to ``output``.
        """
        self._children[name] = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments], stdout=output, stderr=output
        )

    def check(self) -> None:
        """Raise if one of them has stopped."""
        for name, child in self._children.items():
            if child.poll() is not None:
                message = f"The {name} has stopped by itself (exit status {child.returncode})."
                raise DemoError(message)

    def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        what: str,
        seconds: float,
        interval: float = INTERVAL,
    ) -> None:
        """Wait for the condition, as long as all of them run; raise after so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                message = f"{what} took longer than {seconds:g} seconds."
                raise DemoError(message)
            time.sleep(interval)

    def watch(self) -> None:
        """Return never: raise when one of them stops."""
        while True:
            self.check()
            time.sleep(INTERVAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave half of them running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
