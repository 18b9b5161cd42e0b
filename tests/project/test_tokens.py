"""Access tokens can be decoded by the official SDK."""

import base64
import binascii
import json
import string

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from project.oauth.tokens import PayloadEncoder

PLAIN = set(string.ascii_letters + string.digits + "+/")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


def payload_of(token: str) -> str:
    return token.split(".")[1]


def atob(text: str) -> bytes:
    """Decode like ``atob`` of browsers: standard base64 only, padding optional."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


@given(st.dictionaries(st.text(), VALUES), st.integers(0, 2))
@example({"a": ">?~\x7f\\>", ">": "\\u003e"}, 0)
@example({"": "".join(map(chr, range(256))) * 3}, 1)
def test_payload_encoder__payload_is_standard_base64(
    payload: dict[str, object], shift: int
) -> None:
    # given
    payload = payload | {"shift": "x" * shift}

    # when
    token = jwt.encode(payload, b"k" * 64, "HS512", json_encoder=PayloadEncoder)

    # then
    encoded = payload_of(token)
    assert set(encoded) <= PLAIN
    assert json.loads(atob(encoded)) == payload


def test_payload_encoder__plain_jwt_may_not_be_standard_base64() -> None:
    token = jwt.encode({"a": "???>>>~~~"}, b"k" * 64, "HS512")

    with pytest.raises(binascii.Error):
        atob(payload_of(token))
