import threading
from contextlib import suppress

import pytest

from order_copies.engines.timeouts import TimeLimit


def test_timeout__call_in_time_runs() -> None:
    # given
    calls: list[int] = []
    patience = TimeLimit(seconds=5)

    # when
    patience.call(lambda: calls.append(1))
    patience.call(lambda: calls.append(2))

    # then
    assert calls == [1, 2]


@pytest.mark.parametrize("error", [ValueError, TimeoutError])
def test_timeout__error_of_the_call_is_raised_each_time(error: type[Exception]) -> None:
    # given
    def fail() -> None:
        raise error("no")

    patience = TimeLimit(seconds=5)

    # when, then
    for _ in range(2):
        with pytest.raises(error, match="no"):
            patience.call(fail)


def test_timeout__late_call_times_out_and_blocks_further_calls_until_it_returns() -> None:
    # given
    hanging = threading.Event()
    calls: list[int] = []
    patience = TimeLimit(seconds=0.05)

    # when, then
    with pytest.raises(TimeoutError):
        patience.call(hanging.wait)
    with pytest.raises(TimeoutError, match="has not returned yet"):
        patience.call(lambda: calls.append(1))
    assert calls == []

    # when the late call returns
    hanging.set()
    while calls == []:
        with suppress(TimeoutError):
            patience.call(lambda: calls.append(2))

    # then
    assert calls == [2]
