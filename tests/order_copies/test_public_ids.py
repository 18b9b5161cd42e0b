import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from order_copies import public_ids

HIGHEST = 52**10 - 1
keys = st.integers(0, HIGHEST) | st.integers(0, 1000)
ids = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=10, max_size=10)


@pytest.fixture(autouse=True)
def fixed_key(settings: LazySettings) -> None:
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"PUBLIC_ID_KEY": "a key of the tests"}


@given(keys)
def test_encode__is_reversed_by_decode(key: int) -> None:
    # when
    public_id = public_ids.encode("orders", key)

    # then
    assert public_ids.decode("orders", public_id) == key
    assert len(public_id) == 10
    assert public_id.isascii()
    assert public_id.isalpha()


@given(ids)
def test_decode__every_ten_letters_are_the_id_of_one_key(public_id: str) -> None:
    # when
    key = public_ids.decode("orders", public_id)

    # then
    assert key is not None
    assert public_ids.encode("orders", key) == public_id


def test_encode__ids_are_unordered_and_dissimilar() -> None:
    # when
    public_id_of = [public_ids.encode("orders", key) for key in range(5000)]

    # then
    assert len(set(public_id_of)) == 5000
    assert public_id_of != sorted(public_id_of)
    assert len({public_id[:3] for public_id in public_id_of}) > 4000


@given(keys)
def test_encode__kinds_have_different_ids(key: int) -> None:
    of_kinds = {public_ids.encode(kind, key) for kind in ("orders", "line_items", "events")}

    assert len(of_kinds) == 3


@pytest.mark.parametrize(
    "text",
    ["", "abc", "abcdefghi", "abcdefghijk", "abcdefghi1", "abcdefgh j", "abcdefghié", "abcdefghi\0",
     "1234567890", "'; DROP --", "àbcdefghij", "abcde/ghij"],
)  # fmt: skip
def test_decode__malformed_id_is_none(text: str) -> None:
    assert public_ids.decode("orders", text) is None


@pytest.mark.parametrize("key", [-1, HIGHEST + 1, 2**63])
def test_encode__key_out_of_range_is_refused(key: int) -> None:
    with pytest.raises(ValueError, match=str(key)):
        public_ids.encode("orders", key)


def test_encode__ids_depend_on_the_secret(settings: LazySettings) -> None:
    before = public_ids.encode("orders", 1)

    settings.ORDER_COPIES = settings.ORDER_COPIES | {"PUBLIC_ID_KEY": "another"}

    assert public_ids.encode("orders", 1) != before


def test_encode__secret_defaults_to_secret_key(settings: LazySettings) -> None:
    # given
    without = {k: v for k, v in settings.ORDER_COPIES.items() if k != "PUBLIC_ID_KEY"}
    settings.ORDER_COPIES = without | {"PUBLIC_ID_KEY": "the secret"}
    explicit = public_ids.encode("orders", 1)

    # when
    settings.ORDER_COPIES = without
    settings.SECRET_KEY = "the secret"

    # then
    assert public_ids.encode("orders", 1) == explicit


def test_encode__ids_are_stable_across_releases() -> None:
    assert {
        (kind, key): public_ids.encode(kind, key)
        for kind in ("orders", "order_factories")
        for key in (0, 1, 2, 10**6, HIGHEST)
    } == GOLDEN


#: Ids of earlier releases. A change breaks every client that stores ids.
GOLDEN = {
    ("orders", 0): "AQNzcbVRTb",
    ("orders", 1): "oYkaBufybV",
    ("orders", 2): "KQsYnUiXuV",
    ("orders", 1000000): "GCetZSNBrx",
    ("orders", HIGHEST): "eghBvGhYOx",
    ("order_factories", 0): "NzRVQfzAwJ",
    ("order_factories", 1): "BjUyTseYsK",
    ("order_factories", 2): "WXvDfzWHPR",
    ("order_factories", 1000000): "bgqHTkyZxn",
    ("order_factories", HIGHEST): "CqodZHBkbi",
}
