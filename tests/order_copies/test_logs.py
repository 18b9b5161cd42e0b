"""Log lines: one line of JSON each, with what programs look for as fields."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from order_copies.logs import JSONFormatter, about, new_trace_id
from tests.factories import OrderCopyFactory


def line_of(message: str = "Copy %s was read", *arguments: Any, **values: Any) -> dict[str, Any]:
    """What a record becomes."""
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


def test_a_record_is_one_line_of_json() -> None:
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


def test_an_exception_has_its_traceback() -> None:
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


def test_fields_cannot_change_what_every_line_says() -> None:
    # when
    line = line_of("Copied", level="none", time=0, logger="nobody")

    # then
    assert (line["level"], line["logger"]) == ("INFO", "order_copies.worker")
    assert line["time"].startswith("2024")


@pytest.mark.parametrize(
    ("value", "is_told"),
    [("text", True), (None, True), (["a", 1.5], True), ({"a": {1, 2}}, True), (object(), False)],
)
def test_fields_are_plain_data(value: Any, is_told: bool) -> None:
    assert ("field" in line_of("Copied", field=value)) is is_told


@pytest.mark.django_db
def test_a_line_about_a_copy_has_its_id_attempt_and_worker() -> None:
    order_copy = OrderCopyFactory(in_progress=True)

    assert about(order_copy, trace_id="1f") == {
        "order_copy_id": order_copy.public_id,
        "attempt": 1,
        "worker": "a worker",
        "trace_id": "1f",
    }


def test_no_two_trace_ids_are_the_same() -> None:
    assert len({new_trace_id() for _ in range(50)}) == 50
    assert len(new_trace_id()) == 64
