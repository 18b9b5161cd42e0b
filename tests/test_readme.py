"""The README agrees with the code."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.utils import timezone
from prometheus_client import REGISTRY

from order_copies.conf import Settings
from order_copies.models import OPTIONS, OrderCopy, OrderFactory
from order_copies.monitoring.metrics import QueueCollector
from order_copies.plans import Action
from project.demo.processes import SERVER_OPTIONS
from tests import stories
from tests.api import API
from tests.factories import placed_order

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.django_db


def section(title: str) -> str:
    """Return the text under a heading."""
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


def test_settings_table__lists_every_setting() -> None:
    settings = {name for name in vars(Settings) if name.isupper()}

    listed = re.findall(r"^\| `(\w+)` \|", section("Settings"), re.MULTILINE)

    assert sorted(listed) == sorted(settings)


def test_web_server__options_are_those_of_the_demo() -> None:
    (command,) = re.findall(r"^gunicorn project\.wsgi --workers \d (.+)$", README, re.MULTILINE)

    assert command.split() == SERVER_OPTIONS


def test_options_table__lists_every_option_with_its_default() -> None:
    listed = dict(
        re.findall(r"^\| `(\w+)` \| (true|false) \|", section("What a copy does"), re.MULTILINE)
    )

    defaults = {name: str(getattr(OrderCopy(), name)).lower() for name in OPTIONS}

    assert listed == defaults


def test_outcomes__are_all_named() -> None:
    text = section("What a copy does")

    assert all(f"`{action}`" in text for action in Action)


def test_make_targets__exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"\bmake ([a-z-]+)", README))

    assert named <= targets


def test_commands__exist_with_their_options() -> None:
    lines = re.findall(r"^python manage.py (.+?)(?:\s+#.*)?$", README, re.MULTILINE)

    for line in lines:
        name, *words = line.split()
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        parser.parse_args(words)

    assert len(lines) >= 4


def test_commands__copy_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    # given
    order = placed_order()

    # when
    call_command("copy_order", order.number, "--place-target-order", "--dry-run")
    call_command("copy_order", order.number, "--place-target-order")
    call_command("order_copies_worker", "--drain")

    # then
    assert "the copy would complete and be placed" in capsys.readouterr().out
    assert OrderCopy.objects.get().target_order.status == "placed"


def test_commands__for_operators_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # given
    stories.copied(placed_order(lines=1))
    OrderFactory.objects.update(updated_at=timezone.now() - timedelta(days=91))

    # when
    call_command("order_copies_health")
    call_command("order_copies_prune", "--older-than", "90", "--dry-run")
    assert OrderCopy.objects.exists()
    call_command("order_copies_prune", "--older-than", "90")

    # then
    assert not OrderCopy.objects.exists()
    output = capsys.readouterr().out
    assert "All is well" in output
    assert "Would remove 1 copy" in output
    assert "Removed 1 copy" in output


def test_metrics_table__lists_every_metric() -> None:
    # given
    queue = {metric.name for metric in QueueCollector().collect()}
    ours = [one for one in REGISTRY.collect() if one.name.startswith("order_copies_")]
    worker = {f"{one.name}_total" if one.type == "counter" else one.name for one in ours}
    rows = re.findall(r"^\| (`order_copies_.+?) \| (\w+) \|", section("Operating it"), re.MULTILINE)

    # when
    listed = {(name, of) for names, of in rows for name in re.findall(r"`(\w+)`", names)}

    # then
    assert listed == {(name, "queue") for name in queue} | {(name, "worker") for name in worker}


def test_curl_example__response_has_the_printed_shape(admin_user) -> None:
    # given
    body = json.loads(README.split("-d '")[1].split("'\n```")[0])
    body["data"]["relationships"]["source_order"]["data"]["id"] = placed_order().public_id
    printed = json.loads(README.split("```json\n")[1].split("```")[0])

    # when
    response = API(admin_user).post("/order_copies", body)

    # then
    assert response.status_code == 201
    assert shape(response.json()) == shape(printed)


def shape(value: object) -> object:
    """Return a document without ids, instants and URLs, which differ between copies."""
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    if isinstance(value, str) and re.search(r"^http|^\d{4}-|^[0-9a-f]{64}$|^[A-Za-z]{10}$", value):
        return "…"
    return value
