"""Malicious and malformed values: texts, parts of URLs, JSON and what only resembles JSON."""
# ruff: noqa: RUF001

import json
from collections.abc import Sequence
from random import Random
from typing import Any
from urllib.parse import quote


class Raw(str):
    """Text that :func:`to_json` writes unchanged, whether or not it is valid JSON."""

    __slots__ = ()


class ObjectMembers(list[tuple[str, Any]]):
    """Members of a JSON object, in which a name may occur twice."""


NUMBERS = [
    "0", "-1", "-0", "+1", "1", "00000001", "1.0", "1.5", "1e3", "1e400", "-1e400", "0x10", "1_0",
    "26", "100", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "9" * 40, "9" * 5000, "NaN", "Infinity",
    "-Infinity", "inf", "٣", "１２", "²", "Ⅷ", "𝟙", "1 ", " 1", "1\n", "1,2", "1;2", "--1",
]  # fmt: skip
DATES = [
    "2024-02-30", "2024-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "-1-1-1",
    "2024-01-01T25:00:00Z", "2024-01-01T23:59:60Z", "9999-12-31T23:59:59.999999999Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00+99:99",
    "2024-W01-1", "20240101", "٢٠٢٤-٠١-٠١", "now", "1700000000", "2024-01-01T00:00:00.1234567890Z",
]  # fmt: skip
TEXTS = [
    "", " ", "\t\r\n", "\0", "a\0b", "null", "true", "false", "TRUE", "None", "undefined", "{}",
    "[]", "'", '"', "`", "\\", "%", "_", "%%", "*", "'; DROP TABLE orders_order; --",
    "1' OR '1'='1", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}",
    "../../etc/passwd", "\ud800", "a\udfffb", "\ufeff", "\ufffe", "\uffff", "\u202eabc", "\u2028",
    "\x7f", "\x1b[31m", "ẞ", "İ", "ﬀ", "é", "e\u0301", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A", "😀", "😀" * 64, "𐍈",
    "x" * 255, "x" * 256, "x" * 2000, ",", ",,,", "a,b", ".", "..", "a.b.c", "-", "--", "-id,-id",
    "(?=", "(a+)+$", "[", "]", "[]=", ",".join(["1"] * 101), ",".join("x" * 3 for _ in range(400)),
    ".".join(["orders"] * 60), "aaaaaaaaaa", "ZZZZZZZZZZ", "aaaaaaaaa", "aaaaaaaaaaa", "ÄÄÄÄÄÄÄÄÄÄ",
    "0000000000", '{"a":1}', '{"a":', '{"\\u0000":1}', '{"a":"\\u0000"}', '{"a":"\\ud800"}',
    '{"a":NaN}', '{"a":1e999}', '{"a":' * 200 + "1" + "}" * 200, '{"a":' + "9" * 400 + "}", '["a"]',
    "[" * 1500, '{"a":{"b":{"c":[1,2,{"d":null}]}}}', '{"":""}', '{"a.b":1,"$gt":""}',
]  # fmt: skip
ALL_TEXTS = [*NUMBERS, *DATES, *TEXTS]
#: Parts of URLs with valid and invalid percent-encoding.
ENCODED = [
    "%", "%%", "%z", "%zz", "%f", "%00", "%ff", "%c0%80", "%c0%af", "%ed%a0%80", "%f4%90%80%80",
    "%u0041", "%2e%2e%2f", "%252e%252e%252f", "%0d%0aX-Header:%20a", "%0a", "%20", "+", "%2B",
    "%26a=1", "%3d", "%5B%5D", "%23", ";", "a=b=c", "%e2%80%ae", "%EF%BC%8F", "%F0%9F%98%80",
]  # fmt: skip
JSON_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1.5, -0.0,
    *map(Raw, ("1.0", "1e0", "1E400", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity", "-0")),
    *map(Raw, ("9" * 4000, "9" * 5000, "01", "0x1", "+1", ".5", "1.", "'a'", "undefined", "")),
    *map(Raw, ('"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\x00"', '"a\nb"', '"\t"', '"a')),
    *map(Raw, ("[" * 60 + "]" * 60, "[" * 3000 + "]" * 3000, "[" * 90000, '{"a":' * 2000)),
    *map(Raw, ('{"a":' * 60 + "1" + "}" * 60, '{"a":1,"a":2}', '{"a":"\\u0000"}', '{"\\u0000":1}')),
    *map(Raw, ('{"a":"\\ud800"}', '{"\\ud800":1}', '{"a":1e999}', '{"a":' + "9" * 400 + "}")), [],
    {}, [[]], [{}], [None], {"": ""}, {"a": None}, {"data": {}}, ["a"] * 2000, "x" * 70000,
    {str(number): number for number in range(2000)}, {"type": "orders", "id": "1"},
]  # fmt: skip


def draw_text(random: Random) -> str:
    """Draw a text: one of the lists above, two joined, or random characters."""
    match random.randrange(8):
        case 0:
            return random.choice(ALL_TEXTS) + random.choice(ALL_TEXTS)
        case 1:
            code_points = random.choices(range(0x3000), k=random.randrange(1, 30))
            return "".join(map(chr, code_points))
        case 2:
            return random.choice(NUMBERS)
        case 3:
            return random.choice(DATES)
        case _:
            return random.choice(TEXTS)


def draw_url_part(random: Random) -> str:
    """Draw a path segment or parameter value, in four of five cases correctly percent-encoded."""
    if random.randrange(5) == 0:
        return random.choice(ENCODED)
    encoded = quote(draw_text(random).encode(errors="surrogatepass"), safe="")
    return encoded[:3000]


def draw_value(random: Random, depth: int = 2) -> Any:
    """Draw a JSON value for :func:`to_json`, nested at most ``depth`` times."""
    match random.randrange(10):
        case 0 if depth:
            return [draw_value(random, depth - 1) for _ in range(random.randrange(4))]
        case 1 if depth:
            return {
                draw_text(random)[:50]: draw_value(random, depth - 1)
                for _ in range(random.randrange(4))
            }
        case 2 | 3 | 4:
            return draw_text(random)
        case _:
            return random.choice(JSON_VALUES)


def to_json(value: Any) -> str:
    """Serialize the value; :class:`Raw` in it may make the result invalid JSON."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return to_json(ObjectMembers(value.items()))
    if isinstance(value, ObjectMembers):
        members = (f"{json.dumps(name)}:{to_json(member)}" for name, member in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(to_json, value)) + "]"
    return json.dumps(value)
