"""A guest's own folder: fresh copies, made for one guest, so that no script can touch the originals or the next
script.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_PLAIN_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")


_PREFIX = "guest-"
_SECONDS_TO_BE_OPENED = 600.0  # a new folder waits for its guest, and for the lock that comes with it
_swept: set[Path] = set()


class BadFileName(ValueError):
    """A support file's name is not a plain name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} cannot be the name of a file beside a script: it must be a plain name of up to 255 bytes, "
            "without slashes, and not start with a dot."
        )


def check_file_name(name: str) -> None:
    """Raises BadFileName."""
    if not _PLAIN_NAME.fullmatch(name) or len(name.encode(errors="replace")) > 255:
        raise BadFileName(name)


def private_folder(base: Path, files: Mapping[str, Path | bytes]) -> Path:
    """A new folder below `base`, readable by its owner alone, with copies of `files` under their given names.

    A path that is a symbolic link or no regular file is refused (ValueError). `Guest.close` removes the folder; what
    owners that were killed have left in `base` is removed by the first call for it.
    """
    for name in files:
        check_file_name(name)
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if base not in _swept:
        _swept.add(base)
        sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    try:
        for name, source in files.items():
            target = folder / name
            if isinstance(source, bytes):
                target.write_bytes(source)
            else:
                if source.is_symlink() or not source.is_file():
                    raise ValueError(f"{source} is not a regular file, so it is not copied beside the script.")
                shutil.copyfile(source, target)
            target.chmod(0o600)
    except BaseException:
        remove_folder(folder)
        raise
    return folder


def hold(folder: Path) -> int:
    """A descriptor whose lock says that the folder is in use; the kernel drops it when its owner dies, however."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return held


def sweep(base: Path) -> None:
    """Removes the folders below `base` that no guest holds."""
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_ctime < _SECONDS_TO_BE_OPENED:
                continue
            held = hold(folder)
        except OSError:  # in use, or gone meanwhile
            continue
        os.close(held)
        remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Removes all a hostile script can have left: symbolic links, forbidden folders, folders nested deeper than a path
    can say.

    Subfolders are moved up beside each other, so that neither recursion nor long paths occur. A folder that is gone is
    fine.
    """
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    moved = 0
    try:
        while names := _subfolders_after_removing_files(top):
            for name in names:
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
                try:
                    for subfolder in _subfolders_after_removing_files(inner):
                        moved += 1
                        os.chmod(subfolder, 0o700, dir_fd=inner)
                        os.rename(subfolder, f"moved-{moved}-{name[-40:]}", src_dir_fd=inner, dst_dir_fd=top)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
        folder.rmdir()
    finally:
        os.close(top)


def _subfolders_after_removing_files(folder: int) -> list[str]:
    subfolders = []
    for name in os.listdir(folder):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            subfolders.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return subfolders


class FolderTooBig(Exception):
    """The folder outgrew its limits; the text says which."""


def check_folder(folder: Path, most_bytes: int, most_entries: int) -> None:
    """Raises FolderTooBig, also for what cannot be looked into: there something could be hidden."""
    size = entries = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    if entries > most_entries:
                        raise FolderTooBig(f"it made more than {most_entries:,} files and folders")
                    try:
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                    except FileNotFoundError:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError as wrong:
            raise FolderTooBig(f"its folder cannot be looked into ({wrong.strerror})") from None
    if size > most_bytes:
        raise FolderTooBig(f"its folder holds more than the {most_bytes / 2**20:,.0f} MiB that it may")
