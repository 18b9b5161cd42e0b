"""``make demo``, as its user meets it: a real server, a real worker, a real Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import jwt
import pytest

from project.demo.errors import DemoError
from project.demo.processes import Processes

ROOT = Path(__file__).resolve().parents[2]
READY = "Ctrl-C stops everything."
SLEEP = ("-c", "import time; time.sleep(60)")


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start_demo(tmp_path, port):
    """Start the demo in a process group of its own, with a shop of its own; end it after all."""
    demos = []
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATABASE_NAME": str(tmp_path / "demo.sqlite3"),
        "STATIC_ROOT": str(tmp_path / "static"),
        "PORT": str(port),
    }

    def start():
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


def read_until_ready(demo):
    """What the demo says until it is ready."""
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if READY in line:
            break
    return "".join(lines)


def token_for(said, port):
    """Return the document that the printed credentials get from the token endpoint."""
    fields = dict(re.findall(r"-d (\w+)=(\S+)", said))
    url = f"http://127.0.0.1:{port}/oauth/token"
    with urlopen(Request(url, urlencode(fields).encode())) as response:
        return json.load(response)


def copies(port, token):
    """Return the order copies that the API lists."""
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    with urlopen(Request(f"http://127.0.0.1:{port}/api/order_copies", headers=headers)) as response:
        return json.load(response)["data"]


def has_running_processes(demo):
    """Return whether a process of the demo's group still runs."""
    try:
        os.killpg(demo.pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.exhaustive
def test_the_demo_copies_an_order_serves_and_stops_with_ctrl_c(start_demo, port):
    # given
    demo = start_demo()

    # when
    said = read_until_ready(demo)

    # then
    assert "Loaded the demo shop" in said
    assert "Copying order #1271" in said
    assert re.search(r"completed, target order #\d+, pending, 57\.70\xa0EUR", said)
    assert f"http://127.0.0.1:{port}/admin/ (user admin, password admin)" in said
    assert f"http://127.0.0.1:{port}/api/docs" in said
    for path in ("/static/admin/css/base.css", "/admin/login/?token=sent-in-a-query"):
        with urlopen(f"http://127.0.0.1:{port}{path}") as response:
            assert response.status == 200

    # when Ctrl-C is pressed
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)

    # then
    assert demo.returncode == 0
    assert "Traceback" not in rest
    assert "sent-in-a-query" not in rest
    assert not has_running_processes(demo)

    # when it is started again
    demo = start_demo()
    said = read_until_ready(demo)

    # then
    assert "Kept the demo shop: 311 orders" in said
    assert "Order #1271 was copied by an earlier start of the demo." in said
    token = token_for(said, port)
    assert token["token_type"] == "bearer"
    assert len(copies(port, token)) == 1
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert claims["iss"] == f"https://auth.localhost:{port}"

    # when it is terminated
    demo.terminate()
    rest, _ = demo.communicate(timeout=60)

    # then
    assert demo.returncode == 0
    assert "Traceback" not in rest
    assert not has_running_processes(demo)


@pytest.mark.exhaustive
def test_a_port_that_is_taken_is_told_at_once(start_demo, port):
    # given
    with socket.create_server(("127.0.0.1", port)):
        # when
        demo = start_demo()
        said, _ = demo.communicate(timeout=60)

    # then
    assert said.strip() == f"Port {port} is in use. Choose another one: make demo PORT={port + 1}"
    assert demo.returncode == 1


@pytest.fixture
def processes():
    """Processes that put the signal handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Processes()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_process_that_dies_takes_the_others_with_it(processes):
    # when
    with processes:
        processes.start("web server", *SLEEP)
        processes.start("worker", "-c", "raise SystemExit(3)")
        with pytest.raises(DemoError, match=r"The worker stopped unexpectedly \(exit status 3\)"):
            processes.watch()

    # then
    assert all(child.returncode is not None for child in processes._children.values())


def test_processes__one_that_ignores_sigterm_is_killed(processes, monkeypatch):
    # given
    monkeypatch.setattr("project.demo.processes.STOP_TIMEOUT", 0.2)
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


def test_what_takes_too_long_is_told(processes):
    with processes:
        processes.start("web server", *SLEEP)
        with pytest.raises(DemoError, match=r"Starting took longer than 0\.2 seconds"):
            processes.wait_until(lambda: False, what="Starting", seconds=0.2)
