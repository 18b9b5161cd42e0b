"""The sweep: a command for cron, against wake-ups that were lost."""

import io
from datetime import datetime

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tests.order_copies.engines.bells import use


def test_it_wakes_a_worker_in_silence(rung: list[datetime | None]) -> None:
    # given
    out = io.StringIO()

    # when
    call_command("order_copies_wake", stdout=out)

    # then
    assert rung == [None]
    assert out.getvalue() == ""


def test_it_says_so_to_those_who_ask(rung: list[datetime | None]) -> None:
    # given
    out = io.StringIO()

    # when
    call_command("order_copies_wake", "--verbosity", "2", stdout=out)

    # then
    assert out.getvalue() == 'The engine "tests.order_copies.engines.bells.Bell" wakes a worker.\n'


def test_it_says_why_nobody_could_be_woken(
    rung: list[datetime | None], settings: LazySettings
) -> None:
    # given
    use(settings, "tests.order_copies.engines.bells.BrokenBell")

    # when, then
    with pytest.raises(CommandError, match='BrokenBell" could not wake a worker: the rope is torn'):
        call_command("order_copies_wake")
    assert rung == [None]
