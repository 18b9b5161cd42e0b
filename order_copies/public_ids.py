"""Ten-letter public ids, computed from integer keys by a keyed permutation.

No column and no index stores them: a Feistel network over two halves of five letters each (base
52, so 52**10 ids) maps every key to one id and back. Each kind of resource has its own permutation,
so an id reveals neither keys nor counts, and ids of two kinds are unrelated.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from string import ascii_letters

from order_copies.conf import settings

#: Regular expression that every public id matches.
PATTERN = "^[A-Za-z]{10}$"

LENGTH = 10
ROUNDS = 4
HALF = 52**5

_pairs = [first + second for first in ascii_letters for second in ascii_letters]
_values = {letter: value for value, letter in enumerate(ascii_letters)}


def encode(kind: str, key: int) -> str:
    """Return the public id of the row with the primary key ``key`` of the resource ``kind``.

    Raises ValueError unless 0 <= ``key`` < 52**10.
    """
    return _encode(kind, key, settings.PUBLIC_ID_KEY)


def encode_all(kind: str, keys: Iterable[int]) -> list[str]:
    """Return the public ids of many rows of one kind, in the order of ``keys``.

    Raises ValueError as :func:`encode` does.
    """
    secret = settings.PUBLIC_ID_KEY
    return [_encode(kind, key, secret) for key in keys]


def decode(kind: str, public_id: str) -> int | None:
    """Return the primary key for ``public_id``, or None if the id is malformed."""
    if len(public_id) != LENGTH or not all(letter in _values for letter in public_id):
        return None
    left, right = _to_number(public_id[:5]), _to_number(public_id[5:])
    secret = settings.PUBLIC_ID_KEY
    for number in reversed(range(ROUNDS)):
        left, right = (right - _round(kind, secret, number, left)) % HALF, left
    return left * HALF + right


# A batch or a page of the API encodes the same keys more than once; later ones rarely do.
@lru_cache(maxsize=8192)
def _encode(kind: str, key: int, secret: str) -> str:
    if not 0 <= key < HALF * HALF:
        message = f"{key} has no public id: a key is at least 0 and below 52**10."
        raise ValueError(message)
    left, right = divmod(key, HALF)
    for number in range(ROUNDS):
        left, right = right, (left + _round(kind, secret, number, right)) % HALF
    public_id = ""
    for half in (left, right):
        rest, last = divmod(half, len(_pairs))
        first, middle = divmod(rest, len(_pairs))
        public_id += ascii_letters[first] + _pairs[middle] + _pairs[last]
    return public_id


def _round(kind: str, secret: str, number: int, half: int) -> int:
    digest = _keyed(kind, secret, number).copy()
    digest.update(half.to_bytes(4))
    return int.from_bytes(digest.digest())


@lru_cache
def _keyed(kind: str, secret: str, number: int) -> blake2b:
    key = blake2b(kind.encode(), key=blake2b(secret.encode()).digest()).digest()
    return blake2b(key=key, salt=bytes([number]), digest_size=8)


def _to_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 52 + _values[letter]
    return number
