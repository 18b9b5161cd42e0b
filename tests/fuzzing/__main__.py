"""Serve the demo shop, and run schemathesis with its OpenAPI document.

``python -m tests.fuzzing``
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.serving import HOST, ROOT, demo_shop

HERE = Path(__file__).parent
LOG = ROOT / "var" / "fuzzing.log"
MEDIA_TYPE = "application/vnd.api+json"


def main(arguments: list[str]) -> int:
    """Return the exit status of schemathesis, or 1 if the server crashed."""
    with demo_shop(LOG) as shop:
        port = shop.serve("server", "--limit-request-line=0")
        shop.wait_for(port)
        address = f"http://{HOST}:{port}"
        status = run(address, token(address, shop.applications["integration"]), arguments)
    if "Traceback" in LOG.read_text():
        print(f"A process of the shop crashed: see {LOG.relative_to(ROOT)}.", file=sys.stderr)
        return 1
    return status


def run(address: str, access_token: str, arguments: list[str]) -> int:
    """Run schemathesis with ids of existing resources; return its exit status."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks",
        "FUZZING_IDS": json.dumps(ids(address, access_token, document)),
    }
    options = [f"--url={address}", f"--header=Authorization: Bearer {access_token}"]
    schemathesis = Path(sys.executable).with_name("schemathesis")
    command = [schemathesis, f"--config-file={HERE / 'schemathesis.toml'}"]
    command += ["run", ROOT / "docs" / "openapi.json", *options, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def token(address: str, application: dict[str, str]) -> str:
    """Request an access token from the token endpoint."""
    body = json.dumps({"grant_type": "client_credentials", **application}).encode()
    request = Request(f"{address}/oauth/token", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as response:
        return str(json.load(response)["access_token"])


def ids(address: str, access_token: str, document: dict[str, Any]) -> dict[str, list[str]]:
    """Return ids of each type that has a list, and of the changes of an order."""

    def found(path: str) -> list[str]:
        headers = {"Accept": MEDIA_TYPE, "Authorization": f"Bearer {access_token}"}
        with urlopen(Request(f"{address}{path}", headers=headers), timeout=60) as response:
            return [resource["id"] for resource in json.load(response)["data"]]

    copy_some(address, access_token, found("/api/orders"))
    types = [path.removeprefix("/api/") for path in document["paths"] if path.count("/") == 2]
    listed = {name: found(f"/api/{name}") for name in types if name not in {"schema", "docs"}}
    return listed | {"event_stores": found(f"/api/orders/{listed['orders'][0]}/event_stores")}


def copy_some(address: str, access_token: str, orders: list[str]) -> None:
    """Request a copy of each of these orders, so that there are copies to read."""
    headers = {"Content-Type": MEDIA_TYPE, "Authorization": f"Bearer {access_token}"}
    for order in orders:
        source_order = {"data": {"type": "orders", "id": order}}
        data = {"type": "order_copies", "relationships": {"source_order": source_order}}
        body = json.dumps({"data": data}).encode()
        urlopen(Request(f"{address}/api/order_copies", body, headers), timeout=60).close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
