"""The processes of the demo: if one of them stops, all of them do."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from project.demo.errors import DemoError

#: The options of gunicorn in the demo, in production and in tests. Each slow client occupies a
#: thread; clients that poll reuse a connection; filters, and links that contain them, can be long.
SERVER_OPTIONS = ["--threads", "24", "--keep-alive", "75", "--limit-request-line", "8190"]
INTERVAL = 0.1
#: Seconds between SIGTERM and SIGKILL.
STOP_TIMEOUT = 10


def web_server(address: str) -> list[str]:
    """Return the arguments of Python that serve the project at ``address``, a host and port."""
    quiet = ["--log-level", "warning", "--graceful-timeout", "5", "--no-control-socket"]
    return ["-m", "gunicorn", "project.wsgi", "--bind", address, *SERVER_OPTIONS, *quiet]


class Processes:
    """Child processes in the process group of the demo, so that Ctrl-C reaches all of them.

    A context manager that stops all children on exit.
    """

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, output: IO[bytes] | None = None) -> None:
        """Start Python with these arguments. Messages call the process ``name``.

        Its output goes to ``output``, by default to that of the demo.
        """
        self._children[name] = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments], stdout=output, stderr=output
        )

    def check(self) -> None:
        """Raise ``DemoError`` if one of the processes has stopped."""
        for name, child in self._children.items():
            if child.poll() is not None:
                message = f"The {name} stopped unexpectedly (exit status {child.returncode})."
                raise DemoError(message)

    def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        what: str,
        seconds: float,
        interval: float = INTERVAL,
    ) -> None:
        """Wait for the condition.

        Raises ``DemoError`` after ``seconds``, or if a process stops before that.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                message = f"{what} took longer than {seconds:g} seconds."
                raise DemoError(message)
            time.sleep(interval)

    def watch(self) -> None:
        """Wait until one of the processes stops, and raise ``DemoError``."""
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
        # A second Ctrl-C must not interrupt the loops below.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
