"""TimescaleDB, of which there is none here: what would be asked of it, and that nothing is asked where it is not."""

from __future__ import annotations

import contextlib

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from twin.compressing import tables
from twin.models import EstimatorProgress


class FakeCatalogue:
    """Answers as a PostgreSQL with that version of the extension would, and remembers what it was asked."""

    vendor = "postgresql"

    def __init__(self, version: str | None, hypertables: tuple[str, ...] = ()) -> None:
        self.version, self.hypertables = version, hypertables
        self.statements: list[tuple[str, list]] = []

    @contextlib.contextmanager
    def cursor(self):
        yield self

    def execute(self, statement: str, values=()) -> None:
        self.statements.append((statement, list(values)))

    def fetchone(self):
        statement, values = self.statements[-1]
        if "pg_extension" in statement:
            return (self.version,) if self.version else None
        if "timescaledb_information" in statement:
            return (1,) if values[0] in self.hypertables else None
        return (3,)


@pytest.mark.parametrize(
    ("told", "version"), [(None, None), ("2.17.2", (2, 17, 2)), ("2.14.0-dev", (2, 14, 0)), ("2.9.3", (2, 9, 3))]
)
def test_its_version_is_read_from_the_catalogue(told, version):
    assert tables.version(FakeCatalogue(told)) == version


def test_a_table_is_cut_by_row_id_once_and_its_old_chunks_are_compressed():
    catalogue = FakeCatalogue("2.17.2", hypertables=("estimates_7",))
    assert tables.is_hypertable(catalogue, 7)
    assert not tables.is_hypertable(catalogue, 8)
    catalogue.statements.clear()
    tables.make_hypertable(catalogue, 8)
    assert tables.compress(catalogue, 8, 250_000) == 3
    assert catalogue.statements == [
        (
            "SELECT create_hypertable(%s::regclass, by_range('row_id', %s::bigint), migrate_data => true)",
            ["estimates_8", 100_000],
        ),
        ("ALTER TABLE \"estimates_8\" SET (timescaledb.compress, timescaledb.compress_orderby = 'row_id')", []),
        (
            "SELECT COUNT(compress_chunk(chunk, if_not_compressed => true)) "
            "FROM show_chunks(%s::regclass, older_than => %s::bigint) AS chunk",
            ["estimates_8", 250_000],
        ),
    ]


@pytest.mark.django_db
@pytest.mark.postgres
def test_without_the_extension_the_command_says_so_and_changes_nothing():
    if tables.version(connection) is not None:
        pytest.skip("TimescaleDB is here")
    with pytest.raises(CommandError, match="has no extension timescaledb; nothing needs it"):
        call_command("compress_estimates")


def test_an_older_extension_is_refused(monkeypatch):
    monkeypatch.setattr(tables, "version", lambda _: (2, 9, 3))
    monkeypatch.setattr(EstimatorProgress, "objects", None)  # it is not looked at
    with pytest.raises(CommandError, match=r"TimescaleDB 2\.9\.3 is here, 2\.14 or newer is needed"):
        call_command("compress_estimates")
