from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Backs up the database and the uploaded files into one file, while the service runs."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="name of the archive; .gz or .xz at its end compress it")
        parser.add_argument(
            "--with-secret-key",
            action="store_true",
            help="put the secret key in, too: sessions then outlive a move, and the archive is as secret as the key",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from rovi_site.backup.errors import CannotBackUp
        from rovi_site.backup.making import back_up

        try:
            made = back_up(Path(options["file"]).absolute(), with_secret_key=options["with_secret_key"])
        except CannotBackUp as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{made}: {made.stat().st_size:,} bytes")
