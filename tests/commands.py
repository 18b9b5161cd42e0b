"""Commands that run in processes of their own, in the top folder of the project."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """What became of the command, with all that it said, within a minute."""
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
