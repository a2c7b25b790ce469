from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Starts everything on this machine: web server, worker and demo. Settings come from the environment."
    requires_system_checks = []  # `manage.py check` and the status page tell; a start shows its one line

    def handle(self, *args: Any, **options: Any) -> None:
        from django.conf import settings

        from rovi_site import hosts
        from rovi_site.serving.administrator import ensure_administrator
        from rovi_site.serving.preparation import check_address, migrate, prepare_folder
        from rovi_site.serving.supervisor import Supervisor

        os.umask(0o077)  # what this and its children write is for their own user
        lock = prepare_folder(settings.ROVI_DATA)
        check_address(settings.HOST, settings.PORT)
        self.stderr.write(f"Preparing the database; data lie in {settings.ROVI_DATA}")
        migrate()
        password = ensure_administrator()
        self.stderr.write(
            f"Starting {settings.ROVI_SERVER} and a worker; their logs lie in {settings.ROVI_DATA / 'logs'}"
        )
        address = f"http://{hosts.reachable(settings.HOST)}:{settings.PORT}"
        ready = f"Ready: {address}  user {settings.ROVI_ADMIN_USER}  password {password}"
        with lock:
            Supervisor(self._say).run(ready)

    def _say(self, line: str) -> None:
        stream = self.stdout if line.startswith("Ready:") else self.stderr
        stream.write(line)
        stream.flush()
