"""Configuration of Sphinx: ``make docs`` builds the documentation with warnings as errors."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

import django

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

# Pages link to headings of other pages, and show diagrams as GitHub does.
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
