"""Stop in time: a worker that is told to stop finishes its batch, or hands it back.

A thread of its own listens for the signals, because the thread that works may be deep in a
database or a gateway, where Python's handlers do not run.
"""

import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections

from order_copies.worker.loop import Worker

logger = logging.getLogger("order_copies.worker")

SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Signals that come together are one: a terminal tells us, and so does whoever started us.
TOGETHER = 0.5
#: Seconds for which we wait until the interrupted thread lets go.
GRACE = 1
#: Seconds between two attempts to interrupt it.
AGAIN = 0.1
#: Seconds that handing back may take when it did not.
PATIENCE = 2
#: The exit status of a worker that handed copies back (``EX_TEMPFAIL``).
HANDED_BACK = 75


class TimeIsUpError(KeyboardInterrupt):
    """The worker was told to stop and has had its time: it is interrupted wherever it is.

    What ``except Exception`` catches is what copies do, and this is none of it.
    """


def let_go() -> None:
    """Forget the connection to the database, whatever it was at when somebody interrupted it."""
    with suppress(Error):
        if connection.connection is not None and connection.vendor == "sqlite":
            # What was read by half would keep the transaction alive, and its lock, beyond the end.
            connection.connection.rollback()
        connection.close()
    # Its wrapper may believe in a transaction that nobody is going to leave any more.
    del connections[DEFAULT_DB_ALIAS]


class Shutdown:
    """Stops a worker at the first signal; interrupts it at a second, or after ``timeout`` seconds.

    A context manager around the work, in the main thread. The interrupted work raises
    :class:`TimeIsUpError`. If it does not even then, the copies are handed back without it, and
    the process is gone: the database rolls back what it was about to write.
    """

    def __init__(self, worker: Worker, timeout: float) -> None:
        self._worker = worker
        self._timeout = timeout
        self._is_to_be_interrupted = False
        self._has_ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._heard, self._told = socket.socketpair()
        self._told.setblocking(False)
        self._before = signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, self._handle) for number in SIGNALS}
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._has_ended.set()
        signal.set_wakeup_fd(self._before)
        self._told.close()
        self._watcher.join()
        self._heard.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _handle(self, *_: Any) -> None:
        if self._is_to_be_interrupted and not self._has_ended.is_set():
            # Once: what leads out of the work, and through here, is not to be interrupted too.
            self._is_to_be_interrupted = False
            raise TimeIsUpError

    def _watch(self) -> None:
        self._wait_for_signal(None)
        first = time.monotonic()
        self._worker.stop()
        deadline = first + self._timeout
        self._wait_for_signal(deadline)
        while not self._has_ended.is_set() and time.monotonic() < min(first + TOGETHER, deadline):
            self._wait_for_signal(deadline)
        if not self._has_ended.is_set():
            self._interrupt()

    def _wait_for_signal(self, deadline: float | None) -> None:
        """Return at a signal, at the deadline, or when all is over."""
        with suppress(TimeoutError):
            number = b"?"
            while number and number[0] not in SIGNALS:
                left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
                self._heard.settimeout(left)
                number = self._heard.recv(1)

    def _interrupt(self) -> None:
        self._is_to_be_interrupted = True
        main = threading.main_thread().ident
        assert main is not None
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            # Again and again: one that comes just before the thread begins to wait wakes nobody.
            signal.pthread_kill(main, signal.SIGTERM)
            if self._has_ended.wait(AGAIN):
                return
        self._leave()

    def _leave(self) -> None:
        """It works on regardless, or waits for what Python cannot interrupt."""
        last = threading.Timer(PATIENCE, os._exit, [HANDED_BACK])
        last.daemon = True
        last.start()
        with suppress(Error):
            self._worker.hand_back()
        os._exit(HANDED_BACK)
