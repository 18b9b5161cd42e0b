"""The messages of the sources, and their catalogues: ``make messages`` brings these up to date.

Needs Babel, but not gettext.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("it",)

#: The functions that mark messages: how many arguments are a context, and how many are messages.
_MARKS = {
    "_": (0, 1),
    **{f"gettext{kind}": (0, 1) for kind in ("", "_lazy", "_noop")},
    **{f"ngettext{kind}": (0, 2) for kind in ("", "_lazy")},
    **{f"pgettext{kind}": (1, 1) for kind in ("", "_lazy")},
    **{f"npgettext{kind}": (1, 2) for kind in ("", "_lazy")},
}


@dataclass(frozen=True)
class Package:
    """A folder with messages in its sources, and catalogues under ``locale``."""

    name: str
    #: The folders with its sources.
    sources: tuple[str, ...]

    def path(self, language: str, suffix: str) -> Path:
        """Return the path of a catalogue, whose suffix is ``po`` or ``mo``."""
        return ROOT / self.name / "locale" / language / "LC_MESSAGES" / f"django.{suffix}"

    def catalogue(self, language: str) -> Catalog:
        """Return the translations of a language, obsolete ones too."""
        with self.path(language, "po").open("rb") as file:
            return read_po(file, locale=language)

    def template(self) -> Catalog:
        """Return the messages of the sources, without translations."""
        template = Catalog()
        for folder in self.sources:
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix in {".py", ".html"}:
                    place = (path.relative_to(ROOT).as_posix(), None)
                    for message, context in _messages(path):
                        template.add(message, locations=[place], context=context)
        return template


PACKAGES = (
    Package("order_copies", ("order_copies",)),
    Package("orders", ("orders",)),
    Package("project", ("project", "templates")),
)


def _messages(path: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    """Return the messages of a module or template, each with its context."""
    text = path.read_text()
    return _of_template(text) if path.suffix == ".html" else _of_module(text)


def _of_template(text: str) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    # Calls of gettext between other text, indented as no Python is.
    lines = map(str.strip, templatize(text).splitlines())
    source = BytesIO("\n".join(lines).encode())
    for _line, message, _comments, context in extract("python", source, DEFAULT_KEYWORDS):
        yield message, context


def _of_module(text: str) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    # Not with Babel, which finds no calls in f-strings.
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            contexts, messages = _MARKS.get(node.func.id, (0, 0))
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            if messages and len(texts) >= contexts + messages:
                found = tuple(texts[contexts : contexts + messages])
                yield found if messages > 1 else found[0], texts[0] if contexts else None


def texts(one: str | Sequence[str] | None) -> Sequence[str]:
    """Return the forms of a message or of a translation: singular and plural, or the only one."""
    return [one or ""] if one is None or isinstance(one, str) else one


def compiled(catalogue: Catalog) -> bytes:
    """Return the catalogue in the form that gettext reads."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def update() -> None:
    """Bring all catalogues up to date; what is new in them has no translation yet."""
    for package in PACKAGES:
        template = package.template()
        for language in LANGUAGES:
            catalogue = package.catalogue(language)
            catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
            catalogue.obsolete.clear()
            with package.path(language, "po").open("wb") as file:
                write_po(file, catalogue, width=100, include_lineno=False, sort_output=True)
            package.path(language, "mo").write_bytes(compiled(catalogue))
            missing = sum(not all(texts(message.string)) for message in catalogue if message.id)
            print(f"{package.name}, {language}: {len(catalogue)} messages, {missing} to translate")


if __name__ == "__main__":
    update()
