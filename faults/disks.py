"""A disk so small that a test can fill it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

BLOCK = bytes(1 << 20)


class SmallDisk:
    """A tmpfs of so many bytes, mounted inside the context. Mounting takes root."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir(parents=True)
        self._run("mount", "-t", "tmpfs", "-o", f"size={self.size},mode=755", "tmpfs", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._run("umount", "--lazy", str(self.folder))

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


def may_mount() -> bool:
    return not os.geteuid()
