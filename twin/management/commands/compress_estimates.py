"""Keep older estimates compressed, where the database has TimescaleDB."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Makes tables of estimates into hypertables of TimescaleDB and compresses all but the newest rows. Run it now "
        "and then; what is compressed already is passed over. Estimation waits while a table is moved the first time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        from django.db import connection, transaction

        from twin.compressing import tables
        from twin.models import EstimatorProgress

        version = tables.version(connection)
        if version is None:
            raise CommandError("The database has no extension timescaledb; nothing needs it, and nothing was changed.")
        if version < tables.OLDEST_VERSION:
            needed, found = (".".join(map(str, each)) for each in (tables.OLDEST_VERSION, version))
            raise CommandError(f"TimescaleDB {found} is here, {needed} or newer is needed. Nothing was changed.")
        chunks = 0
        worth_it = EstimatorProgress.objects.filter(cursor__gte=2 * tables.ROWS_A_CHUNK).order_by("pk")
        found_progress = list(worth_it.values_list("pk", "cursor"))
        for estimator_id, cursor in found_progress:
            with transaction.atomic():
                if not tables.is_hypertable(connection, estimator_id):
                    tables.make_hypertable(connection, estimator_id)
            with transaction.atomic():
                chunks += tables.compress(connection, estimator_id, cursor - tables.ROWS_A_CHUNK)
        self.stdout.write(f"{len(found_progress)} tables of estimates have {chunks} compressed chunks.")
