"""The code of the guide “Expose your order”."""

import ast
import re
from importlib import import_module
from pkgutil import resolve_name
from typing import Any

import pytest

from tests.documentation import page

GUIDE = "how-to/expose-your-order.md"


def blocks() -> list[str]:
    """Return the Python code of the guide. A block that continues a class gets its first line."""
    found = re.findall(r"^```python\n(.*?)^```$", page(GUIDE), re.MULTILINE | re.DOTALL)
    return [_complete(block) for block in found]


def _complete(block: str) -> str:
    continued = re.match(r"# \S+, in (\w+)\n", block)
    if continued is None:
        return block
    return re.sub(r"^(?= {4})", f"class {continued[1]}:\n", block, count=1, flags=re.MULTILINE)


def imported(block: str) -> list[tuple[str, str]]:
    """Return module and name of what a block imports from other packages than the shop."""
    return [
        (str(statement.module), alias.name)
        for statement in ast.walk(ast.parse(block))
        if isinstance(statement, ast.ImportFrom) and not (statement.module or "").startswith("shop")
        for alias in statement.names
    ]


def imported_object(module: str, name: str) -> Any:
    try:
        return import_module(f"{module}.{name}")
    except ImportError:
        return resolve_name(f"{module}:{name}")


@pytest.mark.parametrize("block", blocks())
def test_guide__code_compiles_and_imports_what_exists(block: str) -> None:
    # when
    compile(block, GUIDE, "exec")
    objects = [imported_object(*it) for it in imported(block)]

    # then
    assert None not in objects


def test_guide__code_imports_the_api_of_the_app() -> None:
    modules = {module for block in blocks() for module, _name in imported(block)}

    assert {
        "order_copies.api",
        "order_copies.jsonapi.routers",
        "order_copies.jsonapi.serializers",
        "order_copies.jsonapi.views",
    } <= modules
