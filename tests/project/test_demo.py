"""``make demo`` with real processes: server, worker and Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import jwt
import pytest

from project.demo.errors import DemoError
from project.demo.processes import Processes

ROOT = Path(__file__).resolve().parents[2]
READY = "Ctrl-C stops everything."
SLEEP = ("-c", "import time; time.sleep(60)")

Demo = subprocess.Popen[str]
StartDemo = Callable[[], Demo]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def start_demo(tmp_path: Path, port: int) -> Iterator[StartDemo]:
    """Return a function that starts the demo in its own process group, with its own database."""
    demos: list[Demo] = []
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATABASE_NAME": str(tmp_path / "demo.sqlite3"),
        "STATIC_ROOT": str(tmp_path / "static"),
        "PORT": str(port),
    }

    def start() -> Demo:
        demo = subprocess.Popen(
            [sys.executable, "-m", "project.demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        demos.append(demo)
        return demo

    yield start
    for demo in demos:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
        demo.communicate()


def read_until_ready(demo: Demo) -> str:
    """Return the output of the demo until it is ready."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if READY in line:
            break
    return "".join(lines)


def token_for(output: str, port: int) -> dict[str, Any]:
    """Request a token with the credentials that the demo printed."""
    body = output.split("/oauth/token'")[1].split("-d '")[1].split("'", maxsplit=1)[0]
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/oauth/token"
    with urlopen(Request(url, body.encode(), headers)) as response:
        document: dict[str, Any] = json.load(response)
        return document


def has_running_processes(demo: Demo) -> bool:
    """Return whether a process of the demo's group still runs."""
    try:
        os.killpg(demo.pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.exhaustive
def test_demo__copies_an_order_serves_pages_and_stops_with_ctrl_c(
    start_demo: StartDemo, port: int
) -> None:
    # given
    demo = start_demo()

    # when
    output = read_until_ready(demo)

    # then
    assert "Loaded the demo shop" in output
    assert f"curl -X POST 'http://127.0.0.1:{port}/oauth/token'" in output
    assert "curl -g -X POST" in output
    assert "HTTP 201 Created" in output
    assert "-> completed" in output
    for path in ("/static/admin/css/base.css", "/admin/login/?token=sent-in-a-query"):
        with urlopen(f"http://127.0.0.1:{port}{path}") as response:
            assert response.status == 200

    # when Ctrl-C is pressed
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=20)

    # then
    assert demo.returncode == 0
    assert "Traceback" not in rest
    assert "sent-in-a-query" not in rest
    assert not has_running_processes(demo)

    # when the demo is started again
    demo = start_demo()
    output = read_until_ready(demo)

    # then
    assert "Kept the demo shop: 308 orders" in output
    token = token_for(output, port)
    assert token["token_type"] == "bearer"
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert claims["iss"] == f"https://auth.localhost:{port}"

    # when the demo is terminated
    demo.terminate()
    rest, _ = demo.communicate(timeout=20)

    # then
    assert demo.returncode == 0
    assert "Traceback" not in rest
    assert not has_running_processes(demo)


@pytest.mark.exhaustive
def test_demo__port_in_use_is_an_error(start_demo: StartDemo, port: int) -> None:
    # given
    with socket.create_server(("127.0.0.1", port)):
        # when
        demo = start_demo()
        output, _ = demo.communicate(timeout=20)

    # then
    assert (
        output.strip() == f"Port {port} is not free. Choose another one: make demo PORT={port + 1}"
    )
    assert demo.returncode == 1


@pytest.fixture
def processes() -> Iterator[Processes]:
    """A ``Processes``; the signal handlers are restored after the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Processes()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_processes__one_that_ends_stops_the_others(processes: Processes) -> None:
    # when
    with processes:
        processes.start("web server", *SLEEP)
        processes.start("worker", "-c", "raise SystemExit(3)")
        with pytest.raises(DemoError, match=r"The worker has stopped by itself \(exit status 3\)"):
            processes.watch()

    # then
    assert all(child.returncode is not None for child in processes._children.values())


def test_processes__one_that_ignores_sigterm_is_killed(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("project.demo.processes.PATIENCE", 0.2)
    ignore_sigterm = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(60)"
    )

    # when
    with processes:
        processes.start("web server", "-c", ignore_sigterm)
        time.sleep(0.5)

    # then
    [child] = processes._children.values()
    assert child.returncode == -signal.SIGKILL


def test_wait_until__timeout_is_an_error(processes: Processes) -> None:
    with processes:
        processes.start("web server", *SLEEP)
        with pytest.raises(DemoError, match=r"Starting took longer than 0\.2 seconds"):
            processes.wait_until(lambda: False, what="Starting", seconds=0.2)
