"""Hostile paths of the API."""

from random import Random

from tests.hostile.values import ENCODED, draw_url_part
from tests.hostile.vocabulary import Vocabulary


def draw_path(random: Random, vocabulary: Vocabulary) -> str:
    """Draw a path of the API: from the OpenAPI document, a damaged one, or an invented one."""
    return random.choice(_PATHS)(random, vocabulary)


def _documented(random: Random, vocabulary: Vocabulary) -> str:
    template = random.choice(vocabulary.paths)
    resource_type = template.split("/")[2]
    return template.replace("{public_id}", draw_public_id(random, vocabulary, resource_type))


def _damaged(random: Random, vocabulary: Vocabulary) -> str:
    segments = _documented(random, vocabulary).split("/")
    index = random.randrange(1, len(segments))
    match random.randrange(5):
        case 0:
            segments[index] = draw_url_part(random)
        case 1:
            segments.insert(index, draw_url_part(random))
        case 2:
            del segments[index]
        case 3:
            segments[index] += random.choice([*ENCODED, "/", "//", ".json", ";a=b", "?", "%2f"])
        case _:
            segments[index] = "".join(
                f"%{ord(character):02x}" for character in segments[index][:40]
            )
    return "/api" + "/".join(segments).removeprefix("/api")


def _invented(random: Random, vocabulary: Vocabulary) -> str:
    segments = [
        random.choice(
            [*vocabulary.types, "relationships", "schema", "docs", "orders", "..", ".", ""]
        )
        if random.randrange(3)
        else draw_url_part(random)
        for _ in range(random.randrange(1, 7))
    ]
    return "/api/" + "/".join(segments)


def _relationship(random: Random, vocabulary: Vocabulary) -> str:
    resource_type = random.choice(vocabulary.types)
    name = random.choice(vocabulary.fields[random.choice(vocabulary.types)])
    prefix = random.choice(["", "relationships/"])
    public_id = draw_public_id(random, vocabulary, resource_type)
    return f"/api/{resource_type}/{public_id}/{prefix}{name}"


_PATHS = [
    *[_documented] * 4,
    *[_damaged] * 2,
    _invented,
    _relationship,
]


def draw_public_id(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    """Draw a public id, usually of this resource type, else of any type or a hostile text."""
    choice = random.randrange(10)
    if choice < 6 and vocabulary.ids.get(resource_type):
        return random.choice(vocabulary.ids[resource_type])
    return random.choice(vocabulary.all_ids) if choice < 8 else draw_url_part(random)
