import threading
from contextlib import suppress

import pytest

from order_copies.engines.timeouts import Patience


def test_a_call_in_time_just_happens() -> None:
    # given
    calls: list[int] = []
    patience = Patience(seconds=5)

    # when
    patience.call(lambda: calls.append(1))
    patience.call(lambda: calls.append(2))

    # then
    assert calls == [1, 2]


@pytest.mark.parametrize("error", [ValueError, TimeoutError])
def test_a_call_that_fails_raises_what_it_raises_each_time(error: type[Exception]) -> None:
    # given
    def fail() -> None:
        raise error("no")

    patience = Patience(seconds=5)

    # when, then
    for _ in range(2):
        with pytest.raises(error, match="no"):
            patience.call(fail)


def test_a_call_that_is_late_is_given_up_and_no_other_is_made_until_it_is_back() -> None:
    # given
    hanging = threading.Event()
    calls: list[int] = []
    patience = Patience(seconds=0.05)

    # when, then
    with pytest.raises(TimeoutError):
        patience.call(hanging.wait)
    with pytest.raises(TimeoutError, match="has not come back yet"):
        patience.call(lambda: calls.append(1))
    assert calls == []

    # when it comes back
    hanging.set()
    while calls == []:
        with suppress(TimeoutError):
            patience.call(lambda: calls.append(2))

    # then
    assert calls == [2]
