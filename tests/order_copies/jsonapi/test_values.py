from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_copies.jsonapi.storable import InvalidValueError
from order_copies.jsonapi.values import (
    Boolean,
    Choice,
    Float,
    Instant,
    Integer,
    Object,
    String,
    Url,
    Value,
)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2018, 1, 1, 12, tzinfo=UTC), "2018-01-01T12:00:00.000Z"),
        (datetime(2018, 1, 1, 12, 0, 0, 999_999, UTC), "2018-01-01T12:00:00.999Z"),
        (
            datetime(2018, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            "2017-12-31T23:00:00.000Z",
        ),
        (datetime(18, 1, 1, tzinfo=UTC), "0018-01-01T00:00:00.000Z"),
        (None, None),
    ],
)
def test_instant__is_written_in_utc_with_milliseconds(
    moment: datetime | None, text: str | None
) -> None:
    assert Instant().write(moment) == text


def test_value__without_reader_is_refused() -> None:
    with pytest.raises(InvalidValueError) as caught:
        Value().read(7)

    assert (caught.value.key, caught.value.message) == ("invalid", "is invalid")


def test_object__default_is_a_new_object_each_time() -> None:
    # given
    value = Object(null={})

    # when
    first = value.read(None)
    first["a"] = 1

    # then
    assert value.read(None) == {}


def test_value__is_written_unchanged() -> None:
    assert Value().write([7]) == [7]


@pytest.mark.parametrize(
    ("value", "text", "parsed"),
    [
        (String(), "a,b", "a,b"),
        (Url(), "example", "example"),
        (Boolean(), "false", False),
        (Integer(), "-999999999999999999", 1 - 10**18),
        (Float(), "0.22", 0.22),
        (Float(), "-1000", -1000.0),
        (Object(), '{"a": 1}', {"a": 1}),
        (Object(), ' {\n"a": 1}\n', {"a": 1}),
        (Instant(), "2018-01-01", datetime(2018, 1, 1, tzinfo=UTC)),
        (Instant(), "2000-02-29T12:00", datetime(2000, 2, 29, 12, tzinfo=UTC)),
        (Instant(), "2018-01-01T12:00:00.123987654Z", datetime(2018, 1, 1, 12, 0, 0, 123000, UTC)),
        (Instant(), "2018-01-01T12:00:00+05:30", datetime(2018, 1, 1, 6, 30, tzinfo=UTC)),
        (Instant(), "2018-01-01T12:00:00-14:00", datetime(2018, 1, 2, 2, tzinfo=UTC)),
    ],
)
def test_parse__valid_text_of_a_filter(value: Value, text: str, parsed: Any) -> None:
    assert value.parse(text) == parsed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(), "x"),
        (String(), "a\0b"),
        (String(), "\ud800"),
        (Boolean(), "True"),
        (Integer(), "1000000000000000000"),
        (Integer(), "٣"),
        (Integer(), "1\n"),
        (Float(), "nan"),
        (Float(), "1e3"),
        (Float(), "two"),
        (Float(), "\u0660.19"),
        (Float(), "0_1"),
        (Float(), " 0.19 "),
        (Object(), "[]"),
        (Object(), "{"),
        (Instant(), ""),
        (Instant(), "2018-02-30"),
        (Instant(), "1900-02-29"),
        (Instant(), "9999-12-31T23:59:59.9999Z"),
        (Instant(), "2024-W01-1"),
        (Instant(), "20240101"),
        (Instant(), "2024-01-01 12:00"),
        (Instant(), "2024-01-01T12:00:00+15:00"),
    ],
)
def test_parse__invalid_text_is_refused(value: Value, text: str) -> None:
    with pytest.raises(InvalidValueError):
        value.parse(text)


@pytest.mark.parametrize("value", [Boolean(), Integer(), Float(), Instant()])
@given(data=st.data())
def test_parse__accepts_every_text_of_the_documented_pattern(
    value: Value, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(value.text, fullmatch=True))

    assert value.parse(text) is not None


def test_choice__only_its_words_are_read() -> None:
    # given
    colour = Choice(choices=("red", "blue"))

    # when, then
    assert colour.read("red") == "red"
    for other in ("green", "RED", 1, ["red"]):
        with pytest.raises(InvalidValueError) as caught:
            colour.read(other)
        assert (caught.value.key, caught.value.message) == (
            "inclusion",
            "must be one of red, blue",
        )


def test_value__schema_is_unrestricted() -> None:
    assert (Value().schema(), Value().accepted()) == ({}, {})
