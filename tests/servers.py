"""Real servers in processes of their own, for tests of what only they can show."""

from __future__ import annotations

import base64
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.migrated import put_migrated

PROJECT = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 240.0
READY = re.compile(r"Ready: (\S+)  user (\S+)  password (.+)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path, port: int, **variables: str) -> dict[str, str]:
    """Of a process that shall know nothing of the tests' own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROVI_", "PYTEST", "DJANGO_"))}
    ours = {"ROVI_DATA": str(data), "HOST": "127.0.0.1", "PORT": str(port), "ROVI_DEMO": "off", "DATABASE_URL": ""}
    return {**kept, **ours, "REDIS_URL": "", **variables}


class Server:
    """`manage.py serve` with a data folder of its own. As a context it is ready inside and stopped outside.

    The folder has the tables already, and nothing else, unless the server is to begin with nothing.
    """

    def __init__(self, data: Path, *, with_nothing: bool = False, **variables: str) -> None:
        self.data = data
        if not with_nothing and "DATABASE_URL" not in variables:
            put_migrated(data)
        self.port = free_port()
        self.variables = variables
        self.lines: list[str] = []

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=PROJECT,
            env=environment(self.data, self.port, **self.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.wait_for_line(READY)

    def wait_for_line(self, pattern: re.Pattern[str], seconds: float = SECONDS_TO_START) -> re.Match[str]:
        assert self.process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < until and selector.select(max(0.0, until - time.monotonic())):
                line = self.process.stdout.readline().decode()
                if not line:
                    break
                self.lines.append(line.rstrip("\n"))
                if found := pattern.search(line):
                    return found
        raise AssertionError(f"no line like {pattern.pattern!r} came; what came: {self.lines}\n{self.logs()}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        return next(found[3] for line in self.lines if (found := READY.search(line)))

    def get(self, path: str, user: str = "admin", password: str | None = None) -> tuple[int, object]:
        """Status and JSON of an answer to HTTP Basic."""
        login = base64.b64encode(f"{user}:{self.password if password is None else password}".encode()).decode()
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Basic {login}"})
        try:
            with urllib.request.urlopen(request, timeout=240) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def children(self) -> dict[int, str]:
        """Process ids and command lines of what the server started."""
        shown = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return {int(line.split()[0]): line for line in shown.stdout.splitlines()}

    def stop(self, seconds: float = 240.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().decode().splitlines()
        return self.process.wait(seconds)

    def logs(self) -> str:
        return "\n".join(f"{log.name}:\n{log.read_text()[-3000:]}" for log in self.data.glob("logs/*.log"))


def is_alive(pid: int) -> bool:
    """A process that ended and that nobody has waited for is not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
