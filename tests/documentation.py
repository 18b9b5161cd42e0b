"""Read Markdown pages: sections, code blocks, tables and links."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def pages() -> dict[str, str]:
    """Return the text of the README, of CONTRIBUTING and of all pages under docs/, by path."""
    built = DOCS / "_build"
    paths = [path for path in sorted(DOCS.rglob("*.md")) if built not in path.parents]
    paths += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def page(name: str) -> str:
    """Return the text of a page under docs/."""
    return (DOCS / name).read_text()


def section(text: str, title: str) -> str:
    """Return the text under a heading of the second level."""
    return text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def fenced(text: str) -> list[str]:
    """Return the contents of the fenced blocks."""
    return re.findall(r"^```\S*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def without_code(text: str) -> str:
    """Return the text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> list[str]:
    """Return the names in backticks in the first cells of the tables."""
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def options_and_defaults(text: str) -> dict[str, str]:
    """Return the options of a copy with their defaults, from the table in the text."""
    return dict(re.findall(r"^\| `(\w+)` \| (true|false) \|", text, re.MULTILINE))


def commands(text: str) -> list[str]:
    """Return the arguments of manage.py in lines of code blocks, without comments.

    Lines that set an engine are left out: ``make test-engines`` runs them.
    """
    code = "\n".join(fenced(text))
    return re.findall(r"^python manage\.py (.+?)(?:\s+#.*)?$", code, re.MULTILINE)


def make_targets(text: str) -> set[str]:
    """Return the targets of make that the text names as code."""
    return set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))


def links(text: str) -> list[str]:
    """Return the relative targets of links and images, with their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(text))
    return [target for target in targets if not target.startswith("http")]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub and MyST compute them."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in headings}


def shape(value: object) -> object:
    """Return a document without what differs from copy to copy: ids, instants, addresses."""
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    if isinstance(value, str) and re.search(r"^http|^\d{4}-|^[0-9a-f]{64}$|^[A-Za-z]{10}$", value):
        return "…"
    return value
