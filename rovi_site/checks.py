"""System checks: what the settings or this machine make unsafe or impossible, each with what to do.

They run with `manage.py check` and before most commands. No check asks the network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks

from rovi_site import hosts

NETWORK_FILE_SYSTEMS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "fuse.sshfs",
    "afs",
    "glusterfs",
    "fuse.glusterfs",
)
OTHERS = 0o077
FEWEST_TOKEN_CHARACTERS = 32


def walls_stand(**_: Any) -> list[checks.CheckMessage]:
    from sandbox import probe_walls  # noqa: PLC0415  (brings numpy, which a web process boots without)

    walls = probe_walls()
    missing = walls.missing(settings.SANDBOX_REQUIRED_WALLS)
    if not missing:
        return []
    return [
        checks.Warning(
            "Uploaded scripts are refused on this machine. " + " ".join(walls.sentences_about(missing)),
            hint="Mend it, or accept the risk that docs/explanation/threat-model.md describes by naming fewer walls in "
            "ROVI_SANDBOX_WALLS. Built-in estimators and forecasters need no walls.",
            id="rovi.W001",
        )
    ]


def data_are_private(**_: Any) -> list[checks.CheckMessage]:
    private = (settings.ROVI_DATA, settings.ROVI_DATA / "secret_key", settings.ROVI_DATA / "admin_password")
    return [
        checks.Warning(
            f"{path} can be read or entered by other users of this machine.",
            hint=f"chmod {'700' if path.is_dir() else '600'} {path}",
            id="rovi.W002",
        )
        for path in private
        if path.exists() and path.stat().st_mode & OTHERS
    ]


def passwords_travel_safely(**_: Any) -> list[checks.CheckMessage]:
    if settings.HTTPS or hosts.is_loopback(settings.HOST):
        return []
    return [
        checks.Warning(
            f"HOST={settings.HOST} lets other machines in, and passwords and tokens travel unencrypted.",
            hint="Put a proxy that speaks HTTPS in front and set ROVI_HTTPS=on, or listen on 127.0.0.1.",
            id="rovi.W003",
        )
    ]


def debug_pages_stay_at_home(**_: Any) -> list[checks.CheckMessage]:
    if not settings.DEBUG or hosts.is_loopback(settings.HOST):
        return []
    return [
        checks.Error(
            f"ROVI_DEBUG=on with HOST={settings.HOST}: error pages would show settings and code to others.",
            hint="Unset ROVI_DEBUG.",
            id="rovi.E001",
        )
    ]


def metrics_token_is_no_word(**_: Any) -> list[checks.CheckMessage]:
    if not settings.METRICS_TOKEN or len(settings.METRICS_TOKEN) >= FEWEST_TOKEN_CHARACTERS:
        return []
    return [
        checks.Error(
            f"ROVI_METRICS_TOKEN has {len(settings.METRICS_TOKEN)} characters, and could be guessed.",
            hint=f"Set one of {FEWEST_TOKEN_CHARACTERS} or more: openssl rand -hex 32",
            id="rovi.E002",
        )
    ]


def database_lies_on_a_local_disk(**_: Any) -> list[checks.CheckMessage]:
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return []
    kind = file_system_of(Path(database["NAME"]), mounts())
    if kind not in NETWORK_FILE_SYSTEMS:
        return []
    return [
        checks.Warning(
            f"{database['NAME']} lies on a network file system ({kind}), where SQLite's write-ahead log does not work.",
            hint="Name a folder of a local disk in ROVI_DATA, or a PostgreSQL server in DATABASE_URL.",
            id="rovi.W004",
        )
    ]


def mounts() -> list[tuple[str, str]]:
    """(folder, kind of file system) of what is mounted here; empty where the system does not tell."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [(fields[1].replace("\\040", " "), fields[2]) for fields in map(str.split, lines)]


def file_system_of(path: Path, mounted: list[tuple[str, str]]) -> str:
    """The kind of file system that `path` lies on; empty when unknown."""
    inside = [(len(folder), kind) for folder, kind in mounted if path.is_relative_to(folder)]
    return max(inside, default=(0, ""))[1]


ALL = (
    walls_stand,
    data_are_private,
    passwords_travel_safely,
    debug_pages_stay_at_home,
    metrics_token_is_no_word,
    database_lies_on_a_local_disk,
)


def register() -> None:
    for check in ALL:
        checks.register(check, "rovi")
