"""Graceful shutdown: a worker that gets a signal finishes its batch in time, or releases it.

A thread of its own listens for signals, because Python runs no signal handler while the main
thread waits in the C code of a database driver or a socket.
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
#: Seconds within which signals count as one: a terminal and a parent process may both send it.
SIGNAL_WINDOW = 0.5
#: Seconds to wait for the interrupted thread to return.
GRACE = 1
#: Seconds between two attempts to interrupt it.
INTERRUPT_INTERVAL = 0.1
#: Seconds that the release of copies may take when it did not.
PATIENCE = 2
#: The exit status of a worker that released copies (``EX_TEMPFAIL``).
RELEASED = 75


class TimeIsUpError(KeyboardInterrupt):
    """The worker did not stop in time: it is interrupted.

    Not an ``Exception``: an error of a copy is handled, and this must not be.
    """


def drop_connection() -> None:
    """Drop the connection to the database that an interrupt left in an unknown state."""
    with suppress(Error):
        if connection.connection is not None and connection.vendor == "sqlite":
            # A cursor that was not read to its end would keep the transaction and its lock.
            connection.connection.rollback()
        connection.close()
    # Django's wrapper may still think it is inside atomic(); drop it.
    del connections[DEFAULT_DB_ALIAS]


class Shutdown:
    """Stops a worker at the first signal; interrupts it at a second, or after ``timeout`` seconds.

    A context manager around the work, in the main thread. The interrupted work raises
    :class:`TimeIsUpError`. If it does not, this thread releases the copies and ends the process;
    the database rolls back the open transaction.
    """

    def __init__(self, worker: Worker, timeout: float) -> None:
        self._worker = worker
        self._timeout = timeout
        self._must_interrupt = False
        self._has_interrupted = False
        self._has_ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        self._before = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
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
        self._sender.close()
        self._watcher.join()
        self._receiver.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._has_interrupted and isinstance(error, Error):
            # The interrupt met the driver in the middle of a command, such as COMMIT, and Django's
            # cleanup of the transaction failed in turn.
            raise TimeIsUpError from error

    def _handle(self, *_: Any) -> None:
        if self._must_interrupt and not self._has_ended.is_set():
            # Only once: the cleanup after the interrupt must not be interrupted.
            self._must_interrupt = False
            self._has_interrupted = True
            raise TimeIsUpError

    def _watch(self) -> None:
        self._wait_for_signal(None)
        first = time.monotonic()
        self._worker.stop()
        deadline = first + self._timeout
        self._wait_for_signal(deadline)
        while not self._has_ended.is_set() and time.monotonic() < min(
            first + SIGNAL_WINDOW, deadline
        ):
            self._wait_for_signal(deadline)
        if not self._has_ended.is_set():
            self._interrupt()

    def _wait_for_signal(self, deadline: float | None) -> None:
        """Return at a signal, at the deadline, or when the work has ended."""
        with suppress(TimeoutError):
            number = b"?"
            while number and number[0] not in SIGNALS:
                left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
                self._receiver.settimeout(left)
                number = self._receiver.recv(1)

    def _interrupt(self) -> None:
        self._must_interrupt = True
        main = threading.main_thread().ident
        assert main is not None
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            # Repeat it: a signal just before the thread begins to wait would not wake it.
            signal.pthread_kill(main, signal.SIGTERM)
            if self._has_ended.wait(INTERRUPT_INTERVAL):
                return
        self._leave()

    def _leave(self) -> None:
        """End the process: its main thread waits for something that Python cannot interrupt."""
        last = threading.Timer(PATIENCE, os._exit, [RELEASED])
        last.daemon = True
        last.start()
        with suppress(Error):
            self._worker.release()
        os._exit(RELEASED)
