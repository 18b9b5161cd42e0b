"""Call what may hang, without hanging."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


class Patience:
    """Waits so many seconds for each call, and not at all while an earlier one is late."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._late: Future[object] | None = None

    def call(self, action: Callable[[], object]) -> None:
        """Call it in a thread of its own. Raises what it raises, or TimeoutError if it is late."""
        if self._late and not self._late.done():
            message = "not called: the call before has not come back yet"
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
