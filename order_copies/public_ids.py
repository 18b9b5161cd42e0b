"""Ten-letter public ids, computed from integer keys by a keyed permutation.

No column and no index holds them: a Feistel network over two halves of five letters each (base
52, so 52**10 ids) maps every key to one id and back. Each kind of resource has ids of its own, so
they tell nothing about keys, counts or one another.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from string import ascii_letters

from order_copies.conf import settings

#: What they look like.
PATTERN = "^[A-Za-z]{10}$"

LENGTH = 10
ROUNDS = 4
HALF = 52**5

_pairs = [first + second for first in ascii_letters for second in ascii_letters]
_values = {letter: value for value, letter in enumerate(ascii_letters)}


def encode(kind: str, key: int) -> str:
    """The public id of the row with ``key`` among the resources of ``kind``.

    Raises ``ValueError`` for a key below zero or above 52**10.
    """
    return _encode(kind, key, settings.PUBLIC_ID_KEY)


def encode_all(kind: str, keys: Iterable[int]) -> list[str]:
    """The public ids of many rows of one kind, in the order of their keys."""
    secret = settings.PUBLIC_ID_KEY
    return [_encode(kind, key, secret) for key in keys]


def decode(kind: str, public_id: str) -> int | None:
    """The key that ``public_id`` stands for, or None where it is no public id at all."""
    if len(public_id) != LENGTH or not all(letter in _values for letter in public_id):
        return None
    left, right = _to_number(public_id[:5]), _to_number(public_id[5:])
    secret = settings.PUBLIC_ID_KEY
    for number in reversed(range(ROUNDS)):
        left, right = (right - _round(kind, secret, number, left)) % HALF, left
    return left * HALF + right


@lru_cache(maxsize=65536)
def _encode(kind: str, key: int, secret: str) -> str:
    if not 0 <= key < HALF * HALF:
        message = f"{key} is too large for a public id."
        raise ValueError(message)
    left, right = divmod(key, HALF)
    for number in range(ROUNDS):
        left, right = right, (left + _round(kind, secret, number, right)) % HALF
    return _to_letters(left) + _to_letters(right)


def _round(kind: str, secret: str, number: int, half: int) -> int:
    digest = _keyed(kind, secret, number).copy()
    digest.update(half.to_bytes(4))
    return int.from_bytes(digest.digest())


@lru_cache
def _keyed(kind: str, secret: str, number: int) -> blake2b:
    key = blake2b(kind.encode(), key=blake2b(secret.encode()).digest()).digest()
    return blake2b(key=key, salt=bytes([number]), digest_size=8)


def _to_letters(number: int) -> str:
    rest, last = divmod(number, len(_pairs))
    first, middle = divmod(rest, len(_pairs))
    return ascii_letters[first] + _pairs[middle] + _pairs[last]


def _to_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 52 + _values[letter]
    return number
