from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from order_copies.jsonapi.openapi.document import openapi_text


class Command(BaseCommand):
    """Write the OpenAPI document of the API."""

    help = "Writes the OpenAPI 3.1 document of the API with all installed resources."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the path of the file."""
        parser.add_argument(
            "path", nargs="?", type=Path, help="File to write. Default: print the document."
        )

    def handle(self, *args: Any, path: Path | None = None, **options: Any) -> None:
        """Write the document to the file, or print it."""
        if path is None:
            self.stdout.write(openapi_text(), ending="")
        else:
            path.write_text(openapi_text(), encoding="utf-8")
