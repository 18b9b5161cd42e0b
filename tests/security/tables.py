"""Read the permission tables of ``docs/access.md`` as test cases."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
NOTHING = "–"


@dataclass(frozen=True)
class Case:
    """One request, the scopes and permissions it needs, and the answer to each client."""

    method: str
    path: str
    #: Options, triggers or actions of the request.
    words: tuple[str, ...]
    takes: dict[str, tuple[str, ...]]
    answers: dict[str, str]

    def __str__(self) -> str:
        return " ".join([self.method, self.path, *self.words])


def cases(heading: str) -> list[Case]:
    """Return a case for each request of the table under this heading; ``{a,b}`` is expanded."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    table = section[section.index("| request |") :].splitlines()
    names, _line, *rows = [_cells(line) for line in table if line.startswith("|")]
    return [case for row in rows for case in _cases(dict(zip(names, row, strict=True)))]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|\n").split("|")]


def _cases(row: dict[str, str]) -> Iterator[Case]:
    methods, _slash, rest = row.pop("request").partition(" /")
    takes = {name: _listed(row.pop(name)) for name in ("scope", "permission") if name in row}
    for method, text in product(methods.split(", "), _expanded(f"/{rest}")):
        path, *words = text.split()
        yield Case(method, path, tuple(words), takes, row)


def _listed(cell: str) -> tuple[str, ...]:
    return () if cell == NOTHING else tuple(cell.split(", "))


def _expanded(text: str) -> list[str]:
    parts = [part.split(",") for part in re.split(r"[{}]", text)]
    return ["".join(choice) for choice in product(*parts)]
