"""A PostgreSQL server of the tests' own, which they may kill, stop and fill as they like."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.servers import free_port
from tests.watching import children_of

SECONDS_TO_START = 240.0
INSTALLED = Path("/usr/lib/postgresql")  # Debian keeps the server's programs off the PATH


def programs() -> Path | None:
    """Where initdb and postgres are."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next((path.parent for path in sorted(INSTALLED.glob("*/bin/initdb"), reverse=True)), None)


def user() -> str | None:
    """PostgreSQL refuses to run as root; then it takes the account of its own. None: there is no such account."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


def why_none() -> str:
    """A sentence where no server can be started here, or nothing."""
    if programs() is None:
        return "no PostgreSQL server is installed (initdb is not found)"
    return "" if user() else "PostgreSQL does not run as root, and there is no account called postgres"


class Cluster:
    """As a context it is made and answers inside, and is gone outside. Its files lie in `folder`."""

    def __init__(self, folder: Path | None = None, **options: int) -> None:
        """`options` as in postgresql.conf."""
        self.options = {"max_connections": 200, **options}
        self._is_own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="rovi-cluster-"))
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {} if os.geteuid() else {"user": user(), "group": user(), "extra_groups": []}

    def __enter__(self) -> Cluster:
        if not os.geteuid():
            shutil.chown(self.folder, user(), user())
        made = [str(self._program("initdb")), "-D", str(self.data), "-U", "postgres", "-A", "trust"]
        options = ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run([*made, *options], capture_output=True, text=True, check=False, cwd="/", **self._as)
        assert done.returncode == 0, done.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._is_own:
            shutil.rmtree(self.folder)

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self.launch()
        until = time.monotonic() + SECONDS_TO_START
        while not self.answers():
            assert time.monotonic() < until, self.log.read_text()[-3000:]
            assert self.process is not None
            if self.process.poll() is not None:  # the old one's shared memory may still be in use
                self.launch()
            time.sleep(0.05)

    def launch(self) -> None:
        """Without waiting: recovery after a kill takes its time."""
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder)]
        options += [f"--{name}={value}" for name, value in self.options.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self._program("postgres")), "-D", str(self.data), *options],
                stdout=log, stderr=log, cwd="/", **self._as,
            )  # fmt: skip

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """The postmaster and all it has forked, at once: none of them writes another byte."""
        if self.process is None:
            return
        several = [self.process.pid, *children_of(self.process.pid)]
        for number in several:
            _kill(number)
        self.process.wait()
        until = time.monotonic() + SECONDS_TO_START
        while any(Path(f"/proc/{number}").exists() for number in several) and time.monotonic() < until:
            time.sleep(0.01)
        self.process = None

    def stop(self) -> None:
        """In good order, but without waiting for clients."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS_TO_START)
        self.process = None

    def _program(self, name: str) -> Path:
        folder = programs()
        assert folder is not None
        return folder / name


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return
