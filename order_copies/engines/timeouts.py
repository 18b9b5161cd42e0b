"""Call a function that may hang, with a time limit."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


class TimeLimit:
    """A limit of ``seconds`` for each call; while a late call hangs, further calls fail at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._late: Future[object] | None = None

    def call(self, action: Callable[[], object]) -> None:
        """Call ``action`` in a new thread and wait for it.

        Raises its exception, or TimeoutError after the limit; the thread then continues.
        """
        if self._late and not self._late.done():
            message = "not called: an earlier call has not returned yet"
            raise TimeoutError(message)
        future: Future[object] = Future()
        Thread(target=_call, args=(action, future), daemon=True).start()
        try:
            future.result(timeout=self._seconds)
        except TimeoutError:
            if not future.done():
                self._late = future
            raise


def _call(action: Callable[[], object], future: Future[object]) -> None:
    try:
        future.set_result(action())
    except BaseException as error:
        future.set_exception(error)
