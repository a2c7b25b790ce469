"""Why no backup was made, or none put back."""

from __future__ import annotations


class CannotBackUp(Exception):
    """The text is a sentence for people. Nothing was changed."""


class CannotRestore(Exception):
    """As above: what was there before is in its place."""
