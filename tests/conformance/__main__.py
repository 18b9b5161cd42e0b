"""Serve the demo shop, and run the tests of the official SDK: ``python -m tests.conformance``.

Needs node 20 or newer with npm. Installs the SDK if it is not installed.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import trustme

from project.demo.errors import DemoError
from tests.serving import HOST, ROOT, DemoShop, demo_shop, free_port

HERE = Path(__file__).parent
LOG = ROOT / "var" / "conformance.log"
#: Values of ``organization`` and ``domain`` by which the SDK calls ``127.0.0.1`` (contract 6.1).
ORGANIZATION, DOMAIN = "127.0.0", "1"


def main(arguments: list[str]) -> int:
    """Return the exit status of node's test runner, or 1 if it could not run."""
    try:
        install()
        print(f"The shop logs to {LOG.relative_to(ROOT)}.", flush=True)
        with demo_shop(LOG) as shop:
            status = run(shop, arguments)
        if "Traceback" in LOG.read_text():
            message = "A process of the shop crashed."
            raise DemoError(message)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    return status


def install() -> None:
    """Install the pinned SDK unless it is installed. Raises DemoError if that fails."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            message = f"{tool} was not found: the SDK needs node 20 or newer and npm."
            raise DemoError(message)
    pinned = _version(HERE / "package-lock.json", "packages", "node_modules/@commercelayer/sdk")
    if _version(HERE / "node_modules/@commercelayer/sdk/package.json") == pinned:
        return
    command = ["npm", "ci", "--engine-strict", "--ignore-scripts", "--no-audit", "--no-fund"]
    if subprocess.run(command, cwd=HERE, check=False).returncode:
        message = "The SDK could not be installed: see the output of npm above."
        raise DemoError(message)


def run(shop: DemoShop, arguments: list[str]) -> int:
    """Start the servers and run all tests by node's test runner; return its exit status."""
    authority = shop.directory / "authority.pem"
    shop_document = {"applications": shop.applications, "servers": serve(shop, authority)}
    environment = os.environ | {
        "CONFORMANCE_SHOP": json.dumps(shop_document),
        "NODE_EXTRA_CA_CERTS": str(authority),
    }
    tests = sorted(str(path) for path in HERE.glob("*.test.js"))
    command = ["node", "--test", "--test-concurrency=1", "--test-reporter=spec", *arguments, *tests]
    return subprocess.run(command, cwd=HERE, env=environment, check=False).returncode


def serve(shop: DemoShop, authority: Path) -> dict[str, str]:
    """Start all servers; return their URLs by name."""
    certificate = make_certificate(shop.directory, authority)
    secure = free_port()
    ports = {
        "plain": shop.serve("server"),
        "live": shop.serve("live server", MODE="live"),
        "strict": shop.serve(
            "strict server",
            DJANGO_SETTINGS_MODULE="tests.conformance.strict_settings",
        ),
        "secure": shop.serve(
            "secure server",
            f"--certfile={certificate}",
            port=secure,
            ORGANIZATION_SLUG=ORGANIZATION,
            ORGANIZATION_DOMAIN=f"{DOMAIN}:{secure}",
        ),
    }
    shop.wait_for(*ports.values())
    schemes = {name: "https" if port == secure else "http" for name, port in ports.items()}
    return {name: f"{schemes[name]}://{HOST}:{port}" for name, port in ports.items()}


def make_certificate(directory: Path, authority: Path) -> Path:
    """Create a certificate with its key, signed by a new authority."""
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(authority)
    certificate = directory / "server.pem"
    issuer.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(certificate)
    return certificate


def _version(path: Path, *members: str) -> str | None:
    if not path.exists():
        return None
    document: Any = json.loads(path.read_text())
    for member in members:
        document = document[member]
    return str(document["version"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
