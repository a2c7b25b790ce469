from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Puts a backup in the place of this installation's database and files, while the service is stopped."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="an archive that `manage.py backup` made")
        parser.add_argument(
            "--replace", action="store_true", help="also where there is something already: it is moved aside"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from rovi_site.backup.errors import CannotRestore
        from rovi_site.backup.restoring import restore

        try:
            done = restore(Path(options["file"]).absolute(), replace=options["replace"])
        except CannotRestore as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"The backup of {done.manifest.made} is in place.")
        if done.aside:
            self.stdout.write(f"What was there before is in {done.aside}; delete it when nobody misses anything.")
        if not done.with_secret_key:
            self.stdout.write("It holds no secret key: this installation's own is used.")
