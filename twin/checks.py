"""What `manage.py check` says of this room."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from django.core.checks import CheckMessage, Warning

SOURCE_OF_MOIRAE = "auto-soh"  # in the metadata of ROVI's package; the other's has no word of it


def another_package_is_called_moirae(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """The package `moirae` on PyPI is a workflow engine: installed by mistake it hides ROVI's."""
    try:
        found = metadata.distribution("moirae")
    except metadata.PackageNotFoundError:
        return []
    addresses = [*(found.metadata.get_all("Project-URL") or []), *(found.metadata.get_all("Home-page") or [])]
    if any(SOURCE_OF_MOIRAE in address for address in addresses):
        return []
    return [
        Warning(
            f"The installed package 'moirae' {found.version} is not ROVI's: PyPI has a workflow engine of that name.",
            hint="Run `pip uninstall moirae`. How to get ROVI's stands in docs/how-to/install-moirae.md.",
            id="twin.W001",
        )
    ]
