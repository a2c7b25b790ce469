from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Brings the database up to date and makes the administrator, then ends. For web servers and workers that are "
        "started one by one; `serve` does it by itself."
    )
    requires_system_checks = []  # as `serve`

    def handle(self, *args: Any, **options: Any) -> None:
        from django.conf import settings

        from rovi_site.serving.administrator import ensure_administrator
        from rovi_site.serving.preparation import make_folder, migrate

        os.umask(0o077)
        make_folder(settings.ROVI_DATA)
        migrate()
        password = ensure_administrator()
        self.stdout.write(f"Prepared. user {settings.ROVI_ADMIN_USER}  password {password}")
