from datetime import UTC, datetime, timedelta, timezone

import pytest

from order_copies.jsonapi.values import Instant, InvalidValueError, Object, Value


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
def test_an_instant_is_written_in_utc_with_milliseconds(
    moment: datetime | None, text: str | None
) -> None:
    assert Instant().write(moment) == text


def test_a_value_that_nobody_can_read_is_refused() -> None:
    with pytest.raises(InvalidValueError) as caught:
        Value().read(7)

    assert (caught.value.key, caught.value.message) == ("invalid", "is invalid")


def test_the_default_of_an_object_is_a_new_one_each_time() -> None:
    value = Object(null={})

    first = value.read(None)
    first["a"] = 1

    assert value.read(None) == {}


def test_a_plain_value_is_written_as_it_is() -> None:
    assert Value().write([7]) == [7]
