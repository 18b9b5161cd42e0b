"""Log lines: one line of JSON each, with ids and attempt as fields."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from order_copies.logs import JSONFormatter, log_fields, new_trace_id
from tests.factories import OrderCopyFactory


def line_of(message: str = "Copy %s was read", *arguments: Any, **values: Any) -> dict[str, Any]:
    """Format a record and parse its line."""
    record = logging.makeLogRecord(
        {
            "name": "order_copies.worker",
            "levelname": "INFO",
            "msg": message,
            "args": arguments,
            "created": datetime(2024, 2, 29, 23, 59, 59, 7000, tzinfo=UTC).timestamp(),
            **values,
        }
    )
    text = JSONFormatter().format(record)
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


def test_json_formatter__record_is_one_line() -> None:
    # when
    line = line_of("Copy %s:\nfür Élise", "AbcdefghiJ", order_copy_id="AbcdefghiJ", attempt=2)

    # then
    assert line == {
        "order_copy_id": "AbcdefghiJ",
        "attempt": 2,
        "time": "2024-02-29T23:59:59.007Z",
        "level": "INFO",
        "logger": "order_copies.worker",
        "message": "Copy AbcdefghiJ:\nfür Élise",
    }


def test_json_formatter__exception_has_its_traceback() -> None:
    # given
    try:
        raise ZeroDivisionError("the shop is broken")
    except ZeroDivisionError:
        exc_info = sys.exc_info()

    # when
    line = line_of("It crashed", exc_info=exc_info)

    # then
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ZeroDivisionError: the shop is broken")


def test_json_formatter__extra_fields_do_not_override_standard_ones() -> None:
    # when
    line = line_of("Copied", level="none", time=0, logger="another")

    # then
    assert (line["level"], line["logger"]) == ("INFO", "order_copies.worker")
    assert line["time"].startswith("2024")


@pytest.mark.parametrize(
    ("value", "is_logged"),
    [("text", True), (None, True), (["a", 1.5], True), ({"a": {1, 2}}, True), (object(), False)],
)
def test_json_formatter__extra_fields_must_be_plain_data(value: Any, is_logged: bool) -> None:
    assert ("field" in line_of("Copied", field=value)) is is_logged


@pytest.mark.django_db
def test_about__holds_id_attempt_and_worker_of_the_copy() -> None:
    order_copy = OrderCopyFactory(in_progress=True)

    assert log_fields(order_copy, trace_id="1f") == {
        "order_copy_id": order_copy.public_id,
        "attempt": 1,
        "worker": "a worker",
        "trace_id": "1f",
    }


def test_new_trace_id__is_unique() -> None:
    assert len({new_trace_id() for _ in range(50)}) == 50
    assert len(new_trace_id()) == 64
