"""A disk so small that a test can fill it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK = bytes(1 << 20)


class SmallDisk:
    """A tmpfs of so many bytes, mounted inside the context, where every user may go. Mounting takes root."""

    def __init__(self, size: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rovi-disk-"))
        self.size = size

    def __enter__(self) -> SmallDisk:
        self._run("mount", "-t", "tmpfs", "-o", f"size={self.size},mode=755", "tmpfs", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._run("umount", "--lazy", str(self.folder))
        self.folder.rmdir()

    def fill(self) -> None:
        """To the last byte."""
        with (self.folder / "balloon").open("wb", buffering=0) as balloon:
            for size in (len(BLOCK), 4096):
                try:
                    while balloon.write(BLOCK[:size]):
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        (self.folder / "balloon").unlink()

    def read_only(self, is_so: bool) -> None:
        self._run("mount", "-o", f"remount,{'ro' if is_so else 'rw'}", str(self.folder))

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def immutable(*several: Path) -> Iterator[None]:
    """Nobody writes to these inside, however long they have had them open; no new file comes into a folder."""
    _change("+i", several)
    try:
        yield
    finally:
        _change("-i", several)


def _change(attribute: str, several: Sequence[Path]) -> None:
    done = subprocess.run(["chattr", attribute, *map(str, several)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"files cannot be made immutable here: {done.stderr.strip()}")


def may_mount() -> bool:
    return not os.geteuid()
