"""Hostile query strings for lists of the API."""

from random import Random

from tests.hostile.paths import draw_public_id
from tests.hostile.values import NUMBERS, draw_url_part
from tests.hostile.vocabulary import PREDICATES, Vocabulary


def draw_query(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    """Draw a query string for a list of this type; one of eight repeats a parameter."""
    count = random.choice([1, 1, 1, 1, 1, 2, 2, 3, 6])
    pairs = [random.choice(_PARAMETERS)(random, vocabulary, resource_type) for _ in range(count)]
    if random.randrange(8) == 0:
        pairs.append(random.choice(pairs))
    return random.choice(["&"] * 20 + [";", "&&", "?"]).join(pairs)[:7000]


def _page(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    name = random.choice(
        ["number", "size", "after", "before", "offset", "limit", "", "x", "number]["]
    )
    plain = random.choice([*NUMBERS, "1", "2", "25", "5"])
    return f"page[{name}]={_encode_or_replace(random, plain)}"


def _sort(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    names = _draw_names(
        random,
        vocabulary.sorts.get(resource_type, []) + vocabulary.fields.get(resource_type, [])[:5],
    )
    prefixes = (random.choice([""] * 20 + ["-", "--", "+", "%20"]) for _ in names)
    return "sort=" + ",".join(
        f"{prefix}{name}" for prefix, name in zip(prefixes, names, strict=True)
    )


def _include(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    names = _draw_names(
        random,
        vocabulary.includes.get(resource_type, []) * 3 + vocabulary.fields.get(resource_type, []),
    )
    return "include=" + ",".join(names)


def _fields(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    fields_type = random.choice(
        [resource_type, resource_type, *vocabulary.types, draw_url_part(random)]
    )
    return f"fields[{fields_type}]=" + ",".join(
        _draw_names(random, vocabulary.fields.get(fields_type, ["id"]))
    )


def _filter_q(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    names = [name.lstrip("-") for name in vocabulary.sorts.get(resource_type, [])]
    if not names or random.randrange(5) == 0:
        names = vocabulary.fields.get(resource_type) or vocabulary.fields["orders"]
    count = random.choice([1] * 9 + [2, 3])
    chosen = [random.choice(names) for _ in range(count)]
    if random.randrange(10) == 0:
        related = random.choice(vocabulary.fields[random.choice(vocabulary.types)])
        chosen.append(f"{random.choice(names)}_{related}")
    if random.randrange(20) == 0:
        chosen.append(draw_url_part(random))
    predicate = random.choice(PREDICATES)
    conjunction = random.choice(["_or_", "_or_", "_and_", "_"])
    closing = random.choice(["]"] * 16 + ["", "][]", "][a]"])
    operand = _operand(random, vocabulary, resource_type)
    return f"filter[q][{conjunction.join(chosen)}_{predicate}{closing}={operand}"


def _filter(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    name = random.choice(vocabulary.fields.get(resource_type) or ["id"])
    suffix = random.choice(["", "", "_from", "_to", "_id", "s", "_eq", "]["])
    return f"filter[{name}{suffix}]={_operand(random, vocabulary, resource_type)}"


def _other_parameter(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    names = [
        "filter", "filter[q]", "filter[q][]", "filter[]", "page", "sort[]", "include[]", "fields",
        "dry_run", "format", "_method", "callback", "q", "fields[]", "page[number][]", "filter[q",
        draw_url_part(random),
    ]  # fmt: skip
    name = random.choice(names)
    return random.choice([name, f"{name}=", f"{name}={draw_url_part(random)}", f"{name}=true"])


def _filter_texts(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    # These predicates fit every text and every JSON column, so that the query reaches the database.
    if random.randrange(5) == 0:
        return f"filter[q][metadata_jcont]={draw_url_part(random)}"
    name = random.choice(["reference", "reference_origin", "reference_or_reference_origin"])
    predicate = random.choice(["eq", "not_eq", "cont", "not_cont", "matches", "start", "not_end"])
    suffix = random.choice(["", "", "", "_any", "_all", "_or_null"])
    return f"filter[q][{name}_{predicate}{suffix}]={_operand(random, vocabulary, resource_type)}"


_PARAMETERS = [
    _page,
    _sort,
    _include,
    _fields,
    _filter,
    _other_parameter,
    *[_filter_q] * 5,
    *[_filter_texts] * 4,
]


def _draw_names(random: Random, names: list[str]) -> list[str]:
    chosen = [random.choice(names or ["id"]) for _ in range(random.choice([1, 1, 2, 3, 30]))]
    if random.randrange(5) == 0:
        chosen[random.randrange(len(chosen))] = draw_url_part(random)
    if random.randrange(10) == 0:
        chosen[0] = ".".join(random.choices(names or ["id"], k=random.randrange(2, 12)))
    return chosen


def _operand(random: Random, vocabulary: Vocabulary, resource_type: str) -> str:
    match random.randrange(6):
        case 0:
            return ",".join(draw_url_part(random) for _ in range(random.choice([2, 3, 100, 101])))
        case 1:
            return random.choice(["true", "false", "1", "pending", "EUR", "2024-01-01"])
        case 2:
            return draw_public_id(random, vocabulary, resource_type)
        case _:
            return draw_url_part(random)


def _encode_or_replace(random: Random, plain: str) -> str:
    if random.randrange(4) == 0:
        return draw_url_part(random)
    return "".join(map(_percent_encode, plain))


def _percent_encode(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    return "".join(f"%{byte:02x}" for byte in character.encode())
