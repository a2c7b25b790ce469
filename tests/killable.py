"""A service whose web server and worker a test can kill at any moment and start again, on SQLite or PostgreSQL."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import services
from tests.servers import PROJECT, environment, free_port

PASSWORD = "correct-horse-battery"
WEB = ("-m", "rovi_site.serving.web")
WORKER = ("manage.py", "run_worker")
SECONDS = 240.0


class Service:
    """`ask` reads its database from outside. As a context it is made inside and gone outside."""

    def __init__(self, data: Path, vendor: str = "sqlite", **variables: str) -> None:
        self.data = data
        self.port = free_port()
        self.vendor = vendor
        self.database = f"rovi_test_{secrets.token_hex(6)}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        url = "" if vendor == "sqlite" else services.postgres_url().rpartition("/")[0] + "/" + self.database
        data.mkdir(parents=True, mode=0o700)
        self.environment = environment(data, self.port, DATABASE_URL=url, OMP_NUM_THREADS="1", **variables)

    def __enter__(self) -> Service:
        if self.vendor == "postgresql":
            self._on_the_server(f"CREATE DATABASE {self.database}")
        self.manage("migrate", "--verbosity", "0")
        people = "from django.contrib.auth.models import User; User.objects.create_superuser('admin', password={!r})"
        self.manage("shell", "--no-imports", "-c", people.format(PASSWORD))
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)
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

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.data / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command], cwd=PROJECT, env=self.environment, stdout=log, stderr=log
            )
        return self.processes[name]

    def start_web(self) -> None:
        self.start("web", *WEB)
        self.wait_until(self.answers)

    def start_worker(self) -> None:
        self.start("worker", *WORKER)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz/live", timeout=5).close()
        except OSError:
            return False
        return True

    def wait_until(self, true: Callable[[], bool], seconds: float = SECONDS) -> None:
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, self.logs()
            time.sleep(0.01)

    @property
    def url(self) -> str:
        return f"http://admin:{PASSWORD}@127.0.0.1:{self.port}"

    def logs(self) -> str:
        return "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in self.data.glob("*.log"))

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

        with psycopg.connect(services.postgres_url(), autocommit=True) as server:
            server.execute(statement)
