"""The settings of the minimal shop, on the database that ``DATABASE`` names."""

import os

from settings import *  # noqa: F403

from project.settings import DATABASES

_worker = os.environ.get("TEA_WORKER", "")
_test = DATABASES["default"].setdefault("TEST", {})
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    _test["NAME"] = None
else:
    _test["NAME"] = f"{_test.get('NAME') or 'test'}_tea{_worker}"
