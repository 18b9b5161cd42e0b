"""Run the tutorial as a reader does: write its files, run its commands, compare their output.

``python -m tests.tutorial PYTHON DIRECTORY`` takes an interpreter that has the app, and an empty
directory.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.cookiejar import CookieJar
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tests.documentation import page, shape
from tests.serving import free_port

#: Commands that install what the interpreter has already.
INSTALLATION = re.compile(r"python -m venv |\. \.venv|pip install ")
#: Commands that run until Ctrl-C.
PROCESS = re.compile(r"python manage\.py (runserver|order_copies_worker)")
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
TICKED = re.compile(r'name="ticked" value="(\d+)"')
ORDER = {
    "email": "ada@example.com",
    "lines-TOTAL_FORMS": 2,
    "lines-INITIAL_FORMS": 0,
    "lines-0-product": "Assam",
    "lines-0-quantity": 2,
    "lines-0-price": "7.50",
    "lines-1-product": "Sencha",
    "lines-1-quantity": 1,
    "lines-1-price": "6.50",
}


class Block(NamedTuple):
    """A fenced block: Python is a file, no language means commands, others are their output."""

    heading: str
    language: str
    path: str
    text: str


def blocks() -> Iterator[Block]:
    """Yield the blocks of the tutorial. The paragraph before a file starts with its path."""
    for section in re.split(r"^## ", page("tutorial.md"), flags=re.MULTILINE):
        heading, _newline, text = section.partition("\n")
        parts = re.split(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        for before, language, code in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
            path = re.match(r"`([\w./]+\.py)`", before.strip().rpartition("\n\n")[2])
            yield Block(heading, language, path[1] if path else "", code)


class Admin:
    """A member of staff with a browser."""

    def __init__(self, address: str) -> None:
        self.address, self.cookies = f"{address}/admin/", CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))
        self.post("login/", username="admin", password="admin")

    def post(self, path: str, **form: object) -> tuple[str, str]:
        """Submit a form with the hidden fields of its page; return address and page afterwards."""
        url = path if path.startswith("http") else f"{self.address}{path}"
        hidden = dict(HIDDEN.findall(self.opener.open(url).read().decode()))
        with self.opener.open(url, urlencode(hidden | form).encode()) as response:
            return response.url, response.read().decode()

    def copy_an_order(self) -> None:
        """Do what the section says, up to the page with the progress."""
        self.post("tea/order/add/", **ORDER)
        action = {"action": "copy_selected_orders", "_selected_action": 1}
        url, page = self.post("tea/order/", **action)
        options = {"place_target_order": "on", "ticked": TICKED.findall(page)[0]}
        _url, preview = self.post(url, **options)
        assert "2 × 7.50" in preview
        hidden = dict(HIDDEN.findall(preview))
        _url, progress = self.post(url, **options, **hidden, _copy=1, _confirmed=1)
        assert "1 copy was requested." in progress

    def add_teas(self) -> None:
        """Do what the section says."""
        self.post("tea/tea/add/", name="Assam", stock=1)
        self.post("tea/tea/add/", name="Sencha", stock=5)


class Reader:
    """Follows the tutorial in a directory. A context manager that stops the processes."""

    def __init__(self, python: Path, home: Path) -> None:
        self.home, self.port, self.printed = home, free_port(), ""
        self.address = f"http://127.0.0.1:{self.port}"
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for name in list(self.processes):
            self.stop(name)

    def follow(self, block: Block) -> None:
        """Write a file, run commands, or compare their output."""
        if block.language == "python":
            (self.home / block.path).write_text(block.text)
        elif not block.language:
            self.run(block.text)
        elif block.language == "json":
            assert shape(json.loads(self.printed)) == shape(json.loads(block.text)), self.printed
        else:
            assert without_ids(block.text) in without_ids(self.printed), self.printed

    def run(self, text: str) -> None:
        """Run the commands of a block, except those that install; start those that stay."""
        commands = text.replace("http://127.0.0.1:8000", self.address).splitlines(keepends=True)
        stay = [one.strip() for one in commands if PROCESS.match(one)]
        others = [one for one in commands if not PROCESS.match(one) and not INSTALLATION.match(one)]
        script = ["bash", "-euc", "".join(others)]
        done = subprocess.run(
            script, cwd=self.home, env=self.environment, stdout=subprocess.PIPE, check=True
        )
        self.printed = done.stdout.decode()
        for command in stay:
            self.start(command)

    def start(self, command: str) -> None:
        """Start a process in place of an earlier one, and wait for a server."""
        name = command.split()[2]
        self.stop(name)
        arguments = [*command.split(), *([str(self.port)] if name == "runserver" else [])]
        self.processes[name] = subprocess.Popen(
            arguments, cwd=self.home, env=self.environment, start_new_session=True
        )
        if name == "runserver":
            self.wait_for_server()

    def stop(self, name: str) -> None:
        """Press Ctrl-C, if the process runs; again for a server that was just reloading."""
        if process := self.processes.pop(name, None):
            for _attempt in range(6):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                    return
            process.kill()
            process.wait(5)

    def wait_for_server(self) -> None:
        """Wait until the admin answers, for half a minute at most."""
        for _attempt in range(300):
            try:
                build_opener().open(f"{self.address}/admin/login/")
            except URLError:
                time.sleep(0.1)
            else:
                return
        message = "The server does not answer."
        raise TimeoutError(message)


def without_ids(text: str) -> str:
    """Return a text without the ids of copies, and with plain spaces."""
    return re.sub(r"\b[A-Za-z]{10}\b", "…", text).replace("\u00a0", " ")


def main(python: Path, home: Path) -> None:
    """Follow the tutorial. In the sections about the admin, do there what they say first."""
    heading = ""
    with Reader(python, home) as reader:
        for block in blocks():
            if block.heading != heading:
                heading = block.heading
                print(f"Tutorial: {heading}", flush=True)
                if heading == "Copy an order over the API":
                    Admin(reader.address).copy_an_order()
                elif heading == "Copy what is left":
                    Admin(reader.address).add_teas()
            reader.follow(block)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
