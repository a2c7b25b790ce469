"""A web server in a process of its own, on a database of its own, with accounts; and clients of its upload socket."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgpack
from websockets.sync.client import ClientConnection, connect

from tests.migrated import put_migrated
from tests.servers import PROJECT, environment, free_port

PASSWORD = "correct horse battery"
ACCOUNTS = """
from django.contrib.auth.models import Group, User
from access.tokens import make_token
admin = User.objects.create_superuser("admin", password={password!r})
for role in ("viewer", "operator"):
    user = User.objects.create_user(role, password={password!r})
    user.groups.add(Group.objects.get_or_create(name=role)[0])
print("token", make_token(user=user, name="of a device", made_by=admin, battery_name="only this")[1])
"""


def basic(user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class UploadServer:
    """As a context it answers inside and is gone outside."""

    def __init__(self, data: Path, server: str = "daphne", **variables: str) -> None:
        self.data = data
        self.port = free_port()
        self.server = server
        self.log = data / "server.log"
        self.environment = environment(data, self.port, ROVI_SERVER=server, **variables)

    def __enter__(self) -> UploadServer:
        if not self.environment["DATABASE_URL"]:  # what that names has its tables already
            put_migrated(self.data)
        shown = self.manage("shell", "--no-imports", "-c", ACCOUNTS.format(password=PASSWORD))
        self.device_token = shown.rpartition("token ")[2].strip()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rovi_site.serving.web"],
                cwd=PROJECT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 240
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz/live", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(self.log.read_text())

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(240)

    def socket(
        self, name: str, query: str = "", headers: dict[str, str] | None = None, **options: Any
    ) -> ClientConnection:
        return connect(
            f"ws://127.0.0.1:{self.port}/db/upload/{quote(name)}{query}",
            additional_headers=basic("operator") if headers is None else headers,
            max_size=None,
            legacy=True,
            **options,
        )

    def uploader(self, name: str, **options: Any) -> Uploader:
        return Uploader(self.socket(name, "?ack=1", **options))

    def get(self, path: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=basic("admin"))
        with urllib.request.urlopen(request, timeout=240) as answer:
            return json.load(answer)

    def delete(self, name: str) -> None:
        (found,) = self.get(f"/api/v1/batteries/?{urlencode({'name': name})}")["results"]
        address = f"http://127.0.0.1:{self.port}/api/v1/batteries/{found['id']}/?{urlencode({'confirm': name})}"
        urllib.request.urlopen(urllib.request.Request(address, headers=basic("admin"), method="DELETE")).close()

    def rows(self, name: str) -> int:
        found = self.get("/db/stats").get(name)
        return found["data_stats"]["rows"] if found and found["data_stats"] else 0

    def rows_when(self, name: str, rows: int, seconds: float = 240.0) -> int:
        """The number of rows, once it is what is expected or the time is over: for clients that are told nothing."""
        until = time.monotonic() + seconds
        while (found := self.rows(name)) < rows and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Uploader:
    """A client that asked for acknowledgements: `hello` is what it was told first."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello = self.told()

    def __enter__(self) -> Uploader:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *frames: Any) -> None:
        for frame in frames:
            self.socket.send(frame if isinstance(frame, bytes) else msgpack.packb(frame))

    def told(self, seconds: float = 240.0) -> Any:
        return msgpack.unpackb(self.socket.recv(timeout=seconds))

    def told_until(self, acknowledged: int) -> list[dict[str, Any]]:
        """All rejections up to the acknowledgement of so many."""
        rejected: list[dict[str, Any]] = []
        while True:
            message = self.told()
            rejected += message.get("rejected", [])
            assert message["ack"] <= acknowledged
            if message["ack"] == acknowledged:
                return rejected
