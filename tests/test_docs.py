"""Statements of the documentation that a test can check. ``make docs`` checks that it builds."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.utils import timezone
from prometheus_client import REGISTRY

from order_copies import checks, copying
from order_copies.conf import Settings
from order_copies.events.recording import events_recorded
from order_copies.jsonapi.errors import STATUSES
from order_copies.models import OPTIONS, OrderCopy, OrderFactory, Status, SubscriptionStatus
from order_copies.monitoring.metrics import QueueCollector
from order_copies.plans import Action
from order_copies.subscriptions.transitions import TRANSITIONS as SUBSCRIPTION_TRANSITIONS
from order_copies.transitions import TRANSITIONS
from order_copies.worker.batches import batch_ran
from order_copies.worker.run import run_batch
from project.demo.processes import SERVER_OPTIONS
from tests import stories, tutorial
from tests.api import API
from tests.documentation import (
    DOCS,
    ROOT,
    anchors,
    commands,
    fenced,
    first_cells,
    links,
    make_targets,
    options_and_defaults,
    page,
    pages,
    section,
    shape,
    without_code,
)
from tests.factories import placed_order

#: Dotted names that are not Python: system checks, permissions, events, a logger and a task.
OTHER_NAMES = re.compile(
    r"order_copies(_events)?\.([EW]\d{3}|\w+_(ordercopy|event)"
    r"|create|start|complete|fail|abort|retry|destroy|copies|run_copies)"
)
#: What the glossary must explain.
TERMS = {"factory", "copy", "run", "attempt", "retry", "lease", "batch", "plan", "outcome"}

pytestmark = pytest.mark.django_db


def test_settings__all_are_listed() -> None:
    listed = first_cells(page("reference/settings.md"))

    assert sorted(listed) == sorted(name for name in vars(Settings) if name.isupper())


def test_options__all_are_listed_with_their_defaults() -> None:
    text = section(page("reference/api.md"), "Options of a copy")

    defaults = {name: str(getattr(OrderCopy(), name)).lower() for name in OPTIONS}

    assert options_and_defaults(text) == defaults
    assert all(f"`{action}`" in text for action in Action)


def test_error_codes__all_are_listed_with_their_status() -> None:
    text = section(page("reference/errors.md"), "Errors of requests")

    listed = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", text, re.MULTILINE)

    assert dict(listed) == {code: str(status) for code, status in STATUSES.items()}


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        (page("audit.md"), ["order_copies/auditing", "orders/auditing"]),
        (section(page("reference/errors.md"), "Problems of copies"), ["order_copies", "orders"]),
    ],
    ids=["findings", "problems"],
)
def test_codes__that_are_listed_are_in_the_code(text: str, packages: list[str]) -> None:
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    source = "".join(path.read_text() for path in paths)
    listed = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)

    codes = [code for cell in listed for code in re.findall(r"`(\w+)`", cell)]

    assert len(codes) > 10
    assert [code for code in codes if f'"{code}"' not in source] == []


def test_system_checks__all_are_listed() -> None:
    listed = first_cells(section(page("reference/commands.md"), "check"))

    known = re.findall(r"^([EW]\d{3})  ", checks.__doc__ or "", re.MULTILINE)

    assert listed == [f"order_copies.{number}" for number in known]


def test_states__all_are_listed() -> None:
    listed = set(first_cells(of_copies().split("| from |")[0]))
    listed_of_subscriptions = set(first_cells(of_subscriptions().split("| from |")[0]))

    assert listed == set(Status.values)
    assert listed_of_subscriptions == set(SubscriptionStatus.values)


def test_transitions__table_and_diagram_agree_with_the_code() -> None:
    table, drawn = transitions_in(of_copies())

    known = {
        (f"order_copies.{one.event}", statuses_of(one.sources), str(one.target))
        for one in TRANSITIONS.values()
    }
    assert table == known
    assert drawn == {
        (source, target, event.partition(".")[2])
        for event, names, target in known
        for source in names or ("[*]",)
    }


def test_transitions_of_subscriptions__table_and_diagram_agree_with_the_code() -> None:
    table, drawn = transitions_in(of_subscriptions())

    known = {
        (
            f"order_subscriptions.{one.event}" if one.event else name,
            statuses_of(one.sources),
            str(one.target),
        )
        for name, one in SUBSCRIPTION_TRANSITIONS.items()
    }
    assert table == known
    assert drawn == {
        (source, target, event) for event, names, target in known for source in names or ("[*]",)
    }


def of_copies() -> str:
    return section(page("explanation/states.md"), "States of a copy")


def of_subscriptions() -> str:
    return section(page("explanation/states.md"), "States of a subscription")


def statuses_of(sources: Any) -> frozenset[str]:
    return frozenset(str(status) for status in sources if status)


def transitions_in(text: str) -> tuple[set[Any], set[Any]]:
    """Return event, sources and target of each row; and source, target and event of each arrow."""
    rows = re.findall(r"^\| (.*?) ?\| `([\w.]+)` \| `(\w+)` \|", text, re.MULTILINE)
    table = {
        (event, frozenset(re.findall(r"`(\w+)`", sources)), target)
        for sources, event, target in rows
    }
    arrows = re.findall(r"^    (\S+) --> (\w+): ([\w.]+)$", text, re.MULTILINE)
    return table, set(arrows)


def test_metrics__all_are_listed() -> None:
    queue = {metric.name for metric in QueueCollector().collect()}
    ours = [one for one in REGISTRY.collect() if one.name.startswith("order_copies_")]
    worker = {f"{one.name}_total" if one.type == "counter" else one.name for one in ours}
    text = section(page("how-to/operate.md"), "Metrics")

    rows = re.findall(r"^\| (`order_copies_.+?) \| (\w+) \|", text, re.MULTILINE)
    listed = {(name, of) for names, of in rows for name in re.findall(r"`(\w+)`", names)}

    assert listed == {(name, "queue") for name in queue} | {(name, "worker") for name in worker}


def test_glossary__explains_the_terms() -> None:
    terms = re.findall(r"^\| \*\*(.+?)\*\* \|", page("glossary.md"), re.MULTILINE)

    assert {term for cell in terms for term in cell.split(", ")} >= TERMS


def test_make_targets__all_that_are_named_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    named = {target for text in pages().values() for target in make_targets(text)}

    assert {"demo", "test", "docs"} <= named <= {*targets}


@pytest.mark.parametrize("path", pages())
def test_commands__exist_with_their_options(path: str) -> None:
    for line in commands(pages()[path]):
        name, *words = line.split()
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        parser.parse_args(words)


def test_commands__are_found_on_the_pages() -> None:
    found = {line.split()[0] for text in pages().values() for line in commands(text)}

    assert found >= {name for name, app in get_commands().items() if app == "order_copies"}


def test_commands__of_the_demo_copy_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    order = placed_order()

    call_command("copy_order", order.number, "--place-target-order", "--dry-run")
    call_command("copy_order", order.number, "--place-target-order")
    call_command("order_copies_worker", "--drain")
    call_command("audit_order_copies")

    assert "the copy would complete and be placed" in capsys.readouterr().out
    assert OrderCopy.objects.get().target_order.status == "placed"


def test_tutorial__its_files_are_the_examples() -> None:
    # given
    shown: dict[str, list[str]] = {}
    for block in tutorial.blocks():
        if block.language == "python":
            shown.setdefault(block.path, []).append(block.text)

    # when
    first = {path: texts[0] for path, texts in shown.items()}
    second = {path: texts[1] for path, texts in shown.items() if len(texts) > 1}

    # then
    assert first == files(ROOT / "examples/minimal_shop")
    assert second == files(ROOT / "examples/shop_with_stock")


def files(root: Path) -> dict[str, str]:
    """Return the files of an example that are not empty, and no migrations, by path."""
    paths = [path for path in root.rglob("*.py") if path.parent.name != "migrations"]
    texts = {str(path.relative_to(root)): path.read_text() for path in paths}
    return {path: text for path, text in texts.items() if text}


def test_commands__of_operators_do_what_the_guide_says(capsys: pytest.CaptureFixture[str]) -> None:
    stories.copied(placed_order(lines=1))
    OrderFactory.objects.update(updated_at=timezone.now() - timedelta(days=91))

    call_command("order_copies_health")
    call_command("order_copies_prune", "--older-than", "90", "--dry-run")
    assert OrderCopy.objects.exists()
    call_command("order_copies_prune", "--older-than", "90")

    assert not OrderCopy.objects.exists()
    output = capsys.readouterr().out
    assert "All is well" in output
    assert "Would remove 1 copy" in output
    assert "Removed 1 copy" in output


def test_web_server__has_the_same_options_in_production_and_in_the_demo() -> None:
    (command,) = re.findall(
        r"^gunicorn project\.wsgi --workers \d (.+)$", page("how-to/production.md"), re.MULTILINE
    )

    assert command.split() == SERVER_OPTIONS


def test_curl__of_the_demo_gets_the_printed_response(admin_user) -> None:
    # given
    text = section(page("tutorial-demo.md"), "Copy an order over the API")
    command, printed = fenced(text)
    body = json.loads(command.split("-d '")[1].rpartition("'")[0])
    body["data"]["relationships"]["source_order"]["data"]["id"] = placed_order().public_id

    # when
    response = API(admin_user).post("/order_copies", body)

    # then
    assert response.status_code == 201
    assert shape(response.json()) == shape(json.loads(printed))


@pytest.mark.parametrize("path", pages())
def test_links__lead_to_pages_and_headings(path: str) -> None:
    for link in links(pages()[path]):
        name, _hash, anchor = link.partition("#")
        target = (ROOT / path).parent / name if name else ROOT / path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("path", pages())
def test_dotted_paths__can_be_imported(path: str) -> None:
    for dotted in re.findall(r"`((?:order_copies|orders|project)(?:\.\w+)+)`", pages()[path]):
        assert is_importable(dotted) or OTHER_NAMES.fullmatch(dotted), dotted


def is_importable(dotted: str) -> bool:
    """Return whether the path names a module, or an attribute of one."""
    try:
        resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


def test_changelog__new_dotted_paths_can_be_imported() -> None:
    table = (ROOT / "CHANGELOG.md").read_text().split("| old | new |")[1]
    rows = [line.strip("|").split(" | ") for line in table.splitlines()[2:] if line[:1] == "|"]

    for _old, new in rows:
        first, *others = re.findall(r"`([^`]+)`", new)
        package = first.rpartition(".")[0]
        paths = [first, *(name if "." in name else f"{package}.{name}" for name in others)]
        assert [path for path in paths if not is_importable(path)] == []

    assert len(rows) > 20


@pytest.mark.parametrize(
    "name", ["how-to/copy-from-code.md", "how-to/subscriptions.md", "reference/signals.md"]
)
def test_python__blocks_of_the_page_run(
    name: str, admin_user, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    blocks = re.findall(r"^```python\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    orders = [placed_order(lines=1), placed_order(lines=1)]
    names = {"order": orders[0], "orders": orders, "user": admin_user}
    monkeypatch.setattr("time.sleep", lambda seconds: run_batch("w1"))

    # when
    with signals_restored():
        for block in blocks:
            exec(compile(block, name, "exec"), names)
        copying.wait(copying.request([orders[0]], actor="test"), 60)

    # then
    assert "completed" in capsys.readouterr().out or name.endswith("signals.md")
    assert len(blocks) > 1


@contextmanager
def signals_restored() -> Iterator[None]:
    """Restore the receivers of the signals at the end."""
    receivers = {signal: list(signal.receivers) for signal in (events_recorded, batch_ran)}
    yield
    for signal, before in receivers.items():
        signal.receivers = before
        signal.sender_receivers_cache.clear()


def test_stability__public_names_exist_and_are_all_of_copying() -> None:
    # given
    rows = re.findall(r"^\| `([\w.]+)` \| (.+?) \|$", page("reference/stability.md"), re.MULTILINE)
    public = {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}

    # when
    missing = [
        f"{module}.{name}"
        for module, names in public.items()
        for name in sorted(names)
        if not is_importable(f"{module}.{name}")
    ]

    # then
    own = {
        name
        for name, member in vars(copying).items()
        if getattr(member, "__module__", "") == copying.__name__ and not name.startswith("_")
    }
    assert missing == []
    assert public["order_copies.copying"] == own
    assert len(public) > 10


@pytest.mark.parametrize("path", pages())
def test_files__that_are_named_exist(path: str) -> None:
    text = without_code(pages()[path])

    named = re.findall(
        r"`((?:order_copies|orders|project|tests|docs|benchmarks|examples)/[\w./-]*)`", text
    )

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_pages__are_all_in_the_table_of_contents() -> None:
    listed = re.findall(r"^([\w/-]+)$", "\n".join(fenced(page("index.md"))), re.MULTILINE)

    paths = {name.removeprefix("docs/").removesuffix(".md") for name in pages() if "docs/" in name}

    assert set(listed) | {"index"} == paths
    assert (DOCS / "openapi.json").exists()
