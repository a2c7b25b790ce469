"""A service whose web server and worker a test can kill at any moment and start again, on SQLite or PostgreSQL."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import services
from tests.migrated import create_migrated, put_migrated
from tests.servers import PROJECT, environment, free_port

PASSWORD = "correct-horse-battery"
WEB = ("-m", "rovi_site.serving.web")
WORKER = ("manage.py", "run_worker")
SECONDS = 900.0  # of what takes a few on a quiet machine
PREPARE = """
from django.contrib.auth.models import User
from access.models import Token
admin = User.objects.create_superuser("admin", password={password!r})
print(Token.objects.create(user=admin)[1])
"""


class Service:
    """`ask` reads its database from outside. As a context it is made inside and gone outside."""

    def __init__(self, data: Path, vendor: str = "sqlite", server_url: str = "", **variables: str) -> None:
        """`server_url` names a PostgreSQL server; otherwise it is the one that tests find."""
        self.data = data
        self.log_folder = data  # another one where the data folder is what is disturbed
        self.port = free_port()
        self.vendor = vendor
        self.server_url = server_url or services.postgres_url()
        self.database = f"rovi_test_{secrets.token_hex(6)}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        url = "" if vendor == "sqlite" else self.server_url.rpartition("/")[0] + "/" + self.database
        data.mkdir(parents=True, mode=0o700)
        self.environment = environment(data, self.port, DATABASE_URL=url, OMP_NUM_THREADS="1", **variables)

    def __enter__(self) -> Service:
        if self.vendor == "postgresql":
            create_migrated(self.server_url, self.database)
        else:
            put_migrated(self.data)
        self.token = self.manage("shell", "--no-imports", "-c", self.preparation()).splitlines()[-1]
        return self

    def preparation(self) -> str:
        """Python that makes an administrator and prints its token; in one process, which saves time."""
        return PREPARE.format(password=PASSWORD)

    def __exit__(self, *_: object) -> None:
        self.kill_all()
        if self.vendor == "postgresql":
            self._on_the_server(f"DROP DATABASE {self.database} WITH (FORCE)")

    # --- its processes ---------------------------------------------------------------------------------------------
    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        with (self.log_folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command], cwd=PROJECT, env={**self.environment, **variables}, stdout=log, stderr=log
            )
        return self.processes[name]

    def start_web(self, name: str = "web", port: int | None = None) -> None:
        self.start(name, *WEB, PORT=str(port or self.port))
        self.wait_until(lambda: self.answers(port))

    def start_worker(self, name: str = "worker") -> None:
        self.start(name, *WORKER)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str, seconds: float = 240.0) -> None:
        """In good order."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(seconds)

    def kill_all(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    def answers(self, port: int | None = None) -> bool:
        return self.health("live", port=port)[0] == http.HTTPStatus.OK

    def health(self, which: str = "ready", seconds: float = 5.0, port: int | None = None) -> tuple[int, dict[str, Any]]:
        """Status and words of /healthz/<which>; status 0 when nobody answers so soon."""
        address = f"http://127.0.0.1:{port or self.port}/healthz/{which}"
        try:
            with urllib.request.urlopen(address, timeout=seconds) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)
        except (OSError, http.client.HTTPException):
            return 0, {}

    def wait_until(self, true: Callable[[], bool], seconds: float = SECONDS) -> None:
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, self.logs()
            time.sleep(0.01)

    @property
    def url(self) -> str:
        return f"http://admin:{PASSWORD}@127.0.0.1:{self.port}"

    def logs(self) -> str:
        return "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in self.log_folder.glob("*.log"))

    # --- its database ----------------------------------------------------------------------------------------------
    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        if self.vendor == "sqlite":
            import sqlite3

            database: Any = sqlite3.connect(self.data / "rovi.sqlite3", timeout=30)
        else:
            import psycopg

            database = psycopg.connect(self.environment["DATABASE_URL"])
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def _on_the_server(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.server_url, autocommit=True) as server:
            server.execute(statement)
