"""Hostile request documents for the API."""

from random import Random
from typing import Any

from tests.hostile.paths import draw_public_id
from tests.hostile.values import ALL_TEXTS, ObjectMembers, draw_text, draw_value, to_json
from tests.hostile.vocabulary import Vocabulary


def draw_body(
    random: Random, vocabulary: Vocabulary, resource_type: str, target_id: str | None
) -> bytes:
    """Draw the document of a POST or PATCH of this type with at least one likely fault."""
    document: Any = {"data": _data(random, vocabulary, resource_type, target_id)}
    match random.randrange(12):
        case 0:
            document = draw_value(random)
        case 1:
            document = {"data": draw_value(random)}
        case 2:
            document = {"data": [document["data"]] * random.choice([1, 2, 20])}
        case 3:
            document = ObjectMembers([*document.items(), ("data", draw_value(random))])
        case 4:
            document |= {
                random.choice(["meta", "included", "errors", "jsonapi", draw_text(random)[:99]]): 1
            }
        case _:
            pass
    return corrupt(random, to_json(document))[:1_000_000]


def _data(random: Random, vocabulary: Vocabulary, resource_type: str, target_id: str | None) -> Any:
    attributes, relationships = vocabulary.writable_members(resource_type)
    data: dict[str, Any] = {"type": resource_type}
    if target_id is not None:
        data["id"] = target_id
    data["attributes"] = _attributes(random, vocabulary, resource_type, attributes)
    if relationships or random.randrange(4) == 0:
        data["relationships"] = _relationships(random, vocabulary, relationships)
    if random.randrange(3) == 0:
        member = random.choice(["type", "id", "attributes", "relationships", "links", "meta", "x"])
        data[member] = draw_value(random)
    if random.randrange(6) == 0:
        data.pop(random.choice(list(data)))
    return data


def _attributes(
    random: Random, vocabulary: Vocabulary, resource_type: str, names: list[str]
) -> Any:
    known = names or ["reference"]
    if random.randrange(4) == 0:
        known = known + vocabulary.fields.get(resource_type, [])
    chosen = [random.choice(known) for _ in range(random.choice([0, 1, 1, 1, 2, 4]))]
    members = [(name, draw_value(random)) for name in chosen]
    if random.randrange(8) == 0:
        members.append((draw_text(random)[:200], draw_value(random)))
    if random.randrange(40) == 0:
        members += [(f"x{number}", 1) for number in range(3000)]
    return ObjectMembers(members)


def _relationships(random: Random, vocabulary: Vocabulary, names: list[str]) -> Any:
    known = names or ["source_order"]
    members = [(name, _linkage(random, vocabulary)) for name in dict.fromkeys(known)]
    if random.randrange(5) == 0:
        unknown = random.choice(
            ["target_order", "events", "order_subscription", draw_text(random)[:50]]
        )
        members.append((unknown, _linkage(random, vocabulary)))
    if random.randrange(40) == 0:
        members += [(f"x{number}", _linkage(random, vocabulary)) for number in range(300)]
    return ObjectMembers(members)


def _linkage(random: Random, vocabulary: Vocabulary) -> Any:
    identifier = {"type": "orders", "id": draw_public_id(random, vocabulary, "orders")}
    match random.randrange(8):
        case 0:
            return draw_value(random)
        case 1:
            return {"data": draw_value(random)}
        case 2:
            return {"data": [identifier] * random.choice([1, 2, 2, 2, 100])}
        case 3:
            return {"data": identifier | {random.choice(["type", "id", "x"]): draw_value(random)}}
        case 4:
            return {"data": {"type": random.choice(vocabulary.types), "id": identifier["id"]}}
        case _:
            return {"data": identifier}


def corrupt(random: Random, json_text: str) -> bytes:
    """Encode the JSON text; in a quarter of the cases wrongly encoded, truncated or extended."""
    encoded = json_text.encode(errors="surrogatepass")
    index = random.randrange(len(encoded) + 1)
    inserted = random.choice([b"\xff", b"\xed\xa0\x80", b"\0"])
    match random.randrange(24):
        case 0:
            encoded = json_text.encode("utf-16", errors="surrogatepass")
        case 1:
            encoded = b"\xef\xbb\xbf" + encoded
        case 2:
            encoded = encoded[:index]
        case 3:
            encoded += random.choice([b"}", b"\0", b"{}", b"\xff", b" " * 300000])
        case 4:
            encoded = encoded[:index] + inserted + encoded[index:]
        case 5:
            encoded = random.choice(
                [b"", b" ", b"null", b"\x1f\x8b\x08\x00", b"a=b&c=d", b"\0" * 50]
            )
        case _:
            pass
    return encoded


def valid_copy_document(random: Random, vocabulary: Vocabulary) -> bytes:
    """Draw a valid document that requests a copy."""
    order = {"data": {"type": "orders", "id": random.choice(vocabulary.ids["orders"])}}
    attributes = {"reference": random.choice(ALL_TEXTS[-40:])[:100].replace("\0", "")}
    if "\ud800" in attributes["reference"] or "\udfff" in attributes["reference"]:
        attributes = {}
    data = {
        "type": "order_copies",
        "attributes": attributes,
        "relationships": {"source_order": order},
    }
    return to_json({"data": data}).encode()
