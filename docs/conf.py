"""Configuration of Sphinx: ``make docs`` builds the documentation with warnings as errors."""

import os
import sys
from dataclasses import fields, is_dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import django
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

project = "django-order-copies"
author = "The contributors of django-order-copies"
release = version = version_of("django-order-copies")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = project
html_show_copyright = False

# Pages link to headings of other pages, and show diagrams as GitHub does.
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True


def setup(app: Sphinx) -> None:
    """Show the constructors of data classes without types, which their fields show."""
    app.connect("autodoc-process-signature", shorten_dataclass)


def shorten_dataclass(
    _app: Sphinx, what: str, _name: str, documented: Any, *_: Any
) -> tuple[str, None] | None:
    """Return the names of the fields as the signature, or None to keep it as it is."""
    if what != "class" or not is_dataclass(documented):
        return None
    names = [field.name for field in fields(documented) if field.init]
    return f"({', '.join(names)})", None
