"""Run commands in new processes, in the top folder of the project."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command for at most a minute; return its exit status and output."""
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
