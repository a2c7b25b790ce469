"""Where rooms that do not know each other meet."""

from __future__ import annotations


def connect() -> None:
    """Connects rooms on one floor; called once, when all apps are loaded."""
