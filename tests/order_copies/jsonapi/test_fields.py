from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.fields import SkipField

from order_copies.jsonapi.fields import (
    REQUIRED,
    BlankField,
    BooleanField,
    ChoiceField,
    FloatField,
    InstantField,
    IntegerField,
    LanguageField,
    ObjectField,
    PrimaryKeyIDField,
    StringField,
    TriggerField,
    URLField,
    ValueField,
    instant,
)
from order_copies.jsonapi.fields.stock import DateField, UUIDField
from order_copies.jsonapi.storable import InvalidValueError
from order_copies.models import OrderFactory


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
    ],
)
def test_instant_field__represents_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert InstantField().to_representation(moment) == text
    assert instant(moment) == text


def error_of(field: ValueField, data: Any) -> tuple[str, str]:
    """Return code and message of the error of a value."""
    with pytest.raises(ValidationError) as caught:
        field.run_validation(data)
    (detail,) = caught.value.detail
    return detail.code, str(detail)


def test_value_field__without_to_internal_value_refuses_every_value() -> None:
    assert error_of(ValueField(), 7) == ("invalid", "is invalid")


def test_value_field__represents_the_stored_value() -> None:
    assert ValueField().to_representation([7]) == [7]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (StringField(null=None), None),
        (StringField(allow_null=True), None),
        (BlankField(), ""),
        (URLField(), ""),
        (IntegerField(null=None), None),
        (BooleanField(null=False), False),
        (ObjectField(null={}), {}),
        (TriggerField(scope="copy"), None),
    ],
)
def test_value_field__null_stands_for_a_value(field: ValueField, value: Any) -> None:
    assert field.run_validation(None) == value


@pytest.mark.parametrize("field", [ObjectField(), StringField(), StringField(null=REQUIRED)])
def test_value_field__refuses_null_by_default(field: ValueField) -> None:
    assert error_of(field, None) == ("null", "can't be blank")


def test_value_field__missing_value_is_refused_or_skipped() -> None:
    # given
    required, optional = StringField(), StringField(required=False)

    # when, then
    with pytest.raises(ValidationError, match="can't be blank"):
        required.run_validation()
    with pytest.raises(SkipField):
        optional.run_validation()


def test_value_field__read_only_one_skips_every_value() -> None:
    for data in (None, "text"):
        with pytest.raises(SkipField):
            StringField(read_only=True).run_validation(data)


def test_object_field__null_is_a_new_object_each_time() -> None:
    # given
    field = ObjectField(null={})

    # when
    first = field.run_validation(None)
    first["a"] = 1

    # then
    assert field.run_validation(None) == {}


@pytest.mark.parametrize(
    ("field", "data"),
    [
        (StringField(), " a "),
        (StringField(), ""),
        (StringField(max_length=None), "a" * 1000),
        (StringField(), "a" * 255),
        (BooleanField(), False),
        (IntegerField(), -(2**63)),
        (IntegerField(), 2**63 - 1),
        (ObjectField(), {"a": [None, 1.5, {"b": "ü"}]}),
        (URLField(), "https://shop.example/a?b=c"),
        (URLField(), ""),
        (LanguageField(), "pt-BR"),
        (ChoiceField(choices=["red"]), "red"),
    ],
)
def test_run_validation__valid_value_is_returned_unchanged(field: ValueField, data: Any) -> None:
    # when
    value = field.run_validation(data)

    # then
    assert value == data
    assert type(value) is type(data)


@pytest.mark.parametrize(
    ("field", "data", "code"),
    [
        (StringField(), 1, "invalid"),
        (StringField(), True, "invalid"),
        (StringField(), ["a"], "invalid"),
        (StringField(), "a\0b", "invalid"),
        (StringField(), "\ud800", "invalid"),
        (StringField(), "a" * 256, "too_long"),
        (StringField(max_length=2), "abc", "too_long"),
        (BooleanField(), "true", "inclusion"),
        (BooleanField(), 1, "inclusion"),
        (TriggerField(scope="copy"), "true", "inclusion"),
        (IntegerField(), "1", "not_an_integer"),
        (IntegerField(), 1.0, "not_an_integer"),
        (IntegerField(), True, "not_an_integer"),
        (IntegerField(), 2**63, "not_an_integer"),
        (FloatField(), "0.5", "not_a_number"),
        (FloatField(), True, "not_a_number"),
        (FloatField(), float("inf"), "not_a_number"),
        (InstantField(), 1514808000, "invalid"),
        (InstantField(), "yesterday", "invalid"),
        (ObjectField(), [], "invalid"),
        (ObjectField(), {"a\0": 1}, "invalid"),
        (ObjectField(), {"a": 2**63}, "invalid"),
        (ObjectField(), {"a": float("nan")}, "invalid"),
        (ObjectField(), {"a": "b" * 65536}, "too_long"),
        (URLField(), "javascript:alert(1)", "invalid"),
        (URLField(), "ftp://shop.example/", "invalid"),
        (LanguageField(), "../../etc", "invalid"),
        (LanguageField(), "", "invalid"),
    ],
)
def test_run_validation__invalid_value_is_refused(field: ValueField, data: Any, code: str) -> None:
    assert error_of(field, data)[0] == code


@pytest.mark.parametrize("public_id", ["", "x", "1.5", "-1x", "9" * 30, "1\0", "\ud800"])
def test_primary_key_id_field__malformed_id_has_no_key(public_id: str) -> None:
    assert PrimaryKeyIDField(OrderFactory).key_of(public_id) is None


def test_primary_key_id_field__id_is_written_in_one_way() -> None:
    # given
    field, row = PrimaryKeyIDField(OrderFactory), OrderFactory(pk=7)

    # when, then
    assert (field.id_of(row), field.key_of("7"), field.key_of("07")) == ("7", 7, 7)
    assert [field.matches(row, text) for text in ("7", "07", "+7", " 7")] == [True] + [False] * 3


def test_blank_field__empty_string_is_represented_by_null() -> None:
    assert BlankField().to_representation("") is None
    assert BlankField().to_representation("a") == "a"


def test_float_field__represents_decimals_as_numbers() -> None:
    # when
    number = FloatField().to_representation(Decimal("0.22"))

    # then
    assert (number, type(number)) == (0.22, float)


@pytest.mark.parametrize(
    ("field", "text", "parsed"),
    [
        (StringField(), "a,b", "a,b"),
        (URLField(), "example", "example"),
        (BooleanField(), "false", False),
        (IntegerField(), "-999999999999999999", 1 - 10**18),
        (FloatField(), "0.22", 0.22),
        (FloatField(), "-1000", -1000.0),
        (ObjectField(), '{"a": 1}', {"a": 1}),
        (ObjectField(), ' {\n"a": 1}\n', {"a": 1}),
        (DateField(), "2018-01-01", date(2018, 1, 1)),
        (UUIDField(), "0" * 8 + "-0000-0000-0000-000000000001", UUID(int=1)),
        (InstantField(), "2018-01-01", datetime(2018, 1, 1, tzinfo=UTC)),
        (InstantField(), "2000-02-29T12:00", datetime(2000, 2, 29, 12, tzinfo=UTC)),
        (
            InstantField(),
            "2018-01-01T12:00:00.123987654Z",
            datetime(2018, 1, 1, 12, 0, 0, 123000, UTC),
        ),
        (InstantField(), "2018-01-01T12:00:00+05:30", datetime(2018, 1, 1, 6, 30, tzinfo=UTC)),
        (InstantField(), "2018-01-01T12:00:00-14:00", datetime(2018, 1, 2, 2, tzinfo=UTC)),
    ],
)
def test_parse__valid_text_of_a_filter(field: ValueField, text: str, parsed: Any) -> None:
    assert field.parse(text) == parsed


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (ValueField(), "x"),
        (StringField(), "a\0b"),
        (StringField(), "\ud800"),
        (BooleanField(), "True"),
        (IntegerField(), "1000000000000000000"),
        (IntegerField(), "٣"),
        (IntegerField(), "1\n"),
        (FloatField(), "nan"),
        (FloatField(), "1e3"),
        (FloatField(), "two"),
        (FloatField(), "\u0660.19"),
        (FloatField(), "0_1"),
        (FloatField(), " 0.19 "),
        (ObjectField(), "[]"),
        (ObjectField(), "{"),
        (ObjectField(), "{a}"),
        (ObjectField(), '{"a": ' + "[" * 100_000 + "}"),
        (DateField(), "2018-01-01T12:00"),
        (DateField(), "2018-02-29"),
        (UUIDField(), "1"),
        (UUIDField(), "0" * 32),
        (InstantField(), ""),
        (InstantField(), "2018-02-30"),
        (InstantField(), "1900-02-29"),
        (InstantField(), "9999-12-31T23:59:59.9999Z"),
        (InstantField(), "2024-W01-1"),
        (InstantField(), "20240101"),
        (InstantField(), "2024-01-01 12:00"),
        (InstantField(), "2024-01-01T12:00:00+15:00"),
    ],
)
def test_parse__invalid_text_is_refused(field: ValueField, text: str) -> None:
    with pytest.raises(InvalidValueError):
        field.parse(text)


@pytest.mark.parametrize(
    "field",
    [BooleanField(), IntegerField(), FloatField(), InstantField(), DateField(), UUIDField()],
)
@given(data=st.data())
def test_parse__accepts_every_text_of_the_documented_pattern(
    field: ValueField, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(field.text, fullmatch=True))

    assert field.parse(text) is not None


def test_choice_field__accepts_only_its_words() -> None:
    # given
    colour = ChoiceField(choices=("red", ("blue", "Azure")))

    # when, then
    assert [colour.run_validation(word) for word in ("red", "blue")] == ["red", "blue"]
    for other in ("green", "RED", "Azure", 1, ["red"]):
        assert error_of(colour, other) == ("inclusion", "must be one of red, blue")


def test_value_field__schema_is_unrestricted() -> None:
    assert (ValueField().schema(), ValueField().accepted()) == ({}, {})
