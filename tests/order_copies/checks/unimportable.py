"""A module of a shop whose own import fails."""

import warehouse_client  # type: ignore[import-not-found]  # noqa: F401
