"""``order_copies_wake``: wake a worker from cron, in case a wake-up was lost."""

import io
from datetime import datetime

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tests.order_copies.engines.recording_engine import use_engine


def test_wake__wakes_a_worker_without_output(wake_ups: list[datetime | None]) -> None:
    # given
    out = io.StringIO()

    # when
    call_command("order_copies_wake", stdout=out)

    # then
    assert wake_ups == [None]
    assert out.getvalue() == ""


def test_wake__verbose_output_names_the_engine(wake_ups: list[datetime | None]) -> None:
    # given
    out = io.StringIO()

    # when
    call_command("order_copies_wake", "--verbosity", "2", stdout=out)

    # then
    engine = "tests.order_copies.engines.recording_engine.RecordingEngine"
    assert out.getvalue() == f'The engine "{engine}" has sent a wake-up.\n'


def test_wake__failing_engine_is_an_error_with_the_reason(
    wake_ups: list[datetime | None], settings: LazySettings
) -> None:
    # given
    use_engine(settings, "tests.order_copies.engines.recording_engine.FailingEngine")

    # when, then
    with pytest.raises(
        CommandError, match='FailingEngine" could not wake a worker: the broker is down'
    ):
        call_command("order_copies_wake")
    assert wake_ups == [None]
