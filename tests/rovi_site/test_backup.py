"""A backup is taken while rows stream in and estimators run; put back, it is that moment, row for row, and goes on."""

from __future__ import annotations

import json
import shutil
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection

from rovi_site.backup.archive import DATABASE, MANIFEST, Manifest, Writer, described, manifest_of, unpack
from rovi_site.backup.errors import CannotRestore
from rovi_site.backup.making import files_below
from rovi_site.backup.restoring import Steps
from tests import services
from tests.disturbed import Stand, batteries
from tests.sending import acknowledged_in

ROWS = 600
ROWS_A_SECOND = 4.0  # of each battery, until the backup is made: it finds them on their way however busy the machine is
REFUSED = """
import json
from django.core.management import CommandError, call_command
told = []
for command in {commands}:
    try:
        call_command(*command)
    except CommandError as refused:
        told.append(str(refused))
print(json.dumps(told))
"""
FLEET = batteries(built_in=2, scripts=0)

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


class Installation(Stand):
    """On the server that tests find, where they run on PostgreSQL."""

    def __init__(self, data: Path) -> None:
        server = SimpleNamespace(url=services.postgres_url(), is_running=True)
        super().__init__(data, server if connection.vendor == "postgresql" else None, fleet=FLEET, rows=ROWS)

    def refusals(self, commands: list[list[str]]) -> list[str]:
        """What each command says that is refused; in one process, which saves time."""
        return json.loads(
            self.manage("shell", "--no-imports", "-c", REFUSED.format(commands=commands)).splitlines()[-1]
        )

    def everything(self) -> dict[str, list[str]]:
        """All rows of all tables, as text."""
        listed = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            if self.vendor == "sqlite"
            else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return {name: sorted(map(repr, self.ask(f'SELECT * FROM "{name}"'))) for (name,) in sorted(self.ask(listed))}


class Bare(Installation):
    """Nothing is in it."""

    def __enter__(self) -> Bare:
        if self.vendor == "postgresql":
            self._on_the_server(f"CREATE DATABASE {self.database}")
        return self


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def source(archives, tmp_path_factory):
    """Backed up as `running.tar.gz` in the midst of its work, and as `at-rest.tar` at its end."""
    with Installation(tmp_path_factory.mktemp("source") / "data") as running:
        uploaded = running.data / "uploads" / "imports" / "α file"
        uploaded.parent.mkdir(parents=True)
        uploaded.write_bytes(b"rows" * 1000)
        running.begin(ROWS_A_SECOND)
        running.wait_for(60)
        running.acknowledged_before = {
            name: acknowledged_in(running.log_folder / f"{place}.journal") for place, name in enumerate(running.names)
        }
        running.manage("backup", str(archives / "running.tar.gz"), "--with-secret-key")
        running.finish()
        running.kill_all()
        running.manage("backup", str(archives / "at-rest.tar"))
        yield running


@pytest.fixture(scope="module")
def restored(source, archives, tmp_path_factory):
    with Bare(tmp_path_factory.mktemp("restored") / "data") as found:
        found.manage("restore", str(archives / "running.tar.gz"))
        found.token = source.token
        yield found


def test_it_is_one_moment_of_the_installation_row_for_row(source, restored):
    for name in source.names:
        rows, estimates = restored.rows_of(name), restored.estimates_of(name)
        assert source.acknowledged_before[name] <= len(rows) < ROWS
        assert rows == source.rows_of(name)[: len(rows)]
        assert estimates == source.estimates_of(name)[: len(estimates)]
        assert restored.progress_of(name)[0][1] == len(estimates)  # estimates and cursor are of one moment
    assert (restored.data / "uploads" / "imports" / "α file").read_bytes() == b"rows" * 1000
    assert (restored.data / "secret_key").read_text() == (source.data / "secret_key").read_text()


def test_it_goes_on_from_there_to_the_same_end(source, restored):
    restored.begin()
    restored.finish()
    restored.kill_all()
    assert restored.losses() == []
    for name in source.names:
        assert restored.rows_of(name) == source.rows_of(name)
        assert restored.estimates_of(name) == source.estimates_of(name)
        assert restored.progress_of(name) == source.progress_of(name)


def test_what_is_refused_changes_nothing(restored, archives, tmp_path):
    change(restored, "UPDATE jobs_worker SET heartbeat = '2020-01-01 00:00:00+00'")
    before = restored.everything()
    at_rest, later, broken = (
        str(archives / "at-rest.tar"),
        made(tmp_path / "later.tar", migrations=["datahub.9999_from_afar"]),
        made(tmp_path / "broken.tar"),
    )
    told = restored.refusals([["restore", at_rest], *(["restore", "--replace", each] for each in (later, broken))])
    assert "--replace" in told[0]
    assert "datahub.9999_from_afar is not known here" in told[1]
    assert told[2]
    assert restored.everything() == before
    assert (restored.data / "uploads" / "imports" / "α file").exists()
    # As far ahead as a clock may be: the command may take a while to begin.
    ahead = datetime.now(UTC) + timedelta(seconds=25)
    change(restored, f"UPDATE jobs_worker SET heartbeat = '{ahead:%Y-%m-%d %H:%M:%S}+00', stopped = NULL")
    told = restored.refusals([["restore", "--replace", at_rest], ["backup", broken]])
    assert "A worker is alive" in told[0]
    assert "is there already" in told[1]


def test_what_was_there_lies_aside(source, restored, archives):
    change(restored, "UPDATE jobs_worker SET heartbeat = '2020-01-01 00:00:00+00'")
    folder = (restored.data / "uploads").stat().st_ino
    assert "What was there before is in" in restored.manage("restore", "--replace", str(archives / "at-rest.tar"))
    assert (restored.data / "uploads").stat().st_ino == folder  # a disk of its own may be mounted there
    assert restored.everything() == source.everything()
    (aside,) = restored.data.glob("before-restore-*/uploads")
    assert (aside / "imports" / "α file").exists()
    if restored.vendor == "sqlite":
        assert (aside.parent / "rovi.sqlite3").exists()
    else:
        (kept,) = restored.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_restore_%'")
        assert restored.ask(f'SELECT count(*) FROM "{kept[0]}".datahub_battery') == [(len(FLEET),)]


def change(installation: Installation, statement: str) -> None:
    """`ask` reads; this writes."""
    if installation.vendor == "sqlite":
        import sqlite3

        with sqlite3.connect(installation.data / "rovi.sqlite3") as database:
            database.execute(statement)
        return
    import psycopg

    with psycopg.connect(installation.environment["DATABASE_URL"]) as database:
        database.execute(statement)


def made(path: Path, *, vendor: str = "", migrations: list[str] | None = None) -> str:
    """An archive whose database is none."""
    writer = Writer(path, path.name)
    told = Manifest("2026-01-01T00:00:00+00:00", vendor or connection.vendor, migrations or [])
    writer.add_bytes(MANIFEST, described(told))
    writer.add_bytes(DATABASE, b"nonsense" * 1000)
    writer.close()
    return str(path)


# --- uploads -------------------------------------------------------------------------------------------------------
def test_files_that_go_while_they_are_listed_are_left_out(tmp_path):
    for name in ("a/1", "b/c/2", "d/3"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    found = files_below(tmp_path)
    seen = [next(found).name]
    shutil.rmtree(tmp_path / "b")
    assert [*seen, *(path.name for path in found)] == ["1", "3"]
    assert list(files_below(tmp_path / "nowhere")) == []


def test_what_lies_in_a_folder_is_moved_and_moved_back_and_the_folder_stays(tmp_path):
    folder, aside, new = tmp_path / "uploads", tmp_path / "aside", tmp_path / "new"
    for name in ("uploads/scripts/1", "uploads/lost+found/x", "new/scripts/2"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    steps, before = Steps(), folder.stat().st_ino
    steps.move_contents(folder, aside)
    steps.move_contents(new, folder)
    assert sorted(path.name for path in folder.rglob("*")) == ["2", "lost+found", "scripts", "x"]
    assert (aside / "scripts" / "1").exists()
    steps.undo()
    assert sorted(path.name for path in folder.rglob("*")) == ["1", "lost+found", "scripts", "x"]
    assert folder.stat().st_ino == before


# --- the archive alone ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tar.xz"])
def test_an_archive_that_is_damaged_or_cut_short_is_refused(tmp_path, ending):
    whole = Path(made(tmp_path / f"whole{ending}")).read_bytes()
    unpack(tmp_path / f"whole{ending}", tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / DATABASE).read_bytes() == b"nonsense" * 1000
    place = whole.index(b"nonsense") + 100 if ending == ".tar" else len(whole) // 2
    for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
        damaged = tmp_path / f"damaged{ending}"
        damaged.write_bytes(content)
        with pytest.raises(CannotRestore):
            unpack(damaged, tmp_path / "nothing")


def test_what_is_no_backup_is_told_so(tmp_path):
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(CannotRestore, match="cannot be read"):
        manifest_of(tmp_path / "text")
    with tarfile.open(tmp_path / "other.tar", "w") as other:
        other.add(tmp_path / "text", "text")
    with pytest.raises(CannotRestore, match="is no backup of ROVI"):
        manifest_of(tmp_path / "other.tar")
    with pytest.raises(CannotRestore, match="cannot be read"):
        manifest_of(tmp_path / "nowhere.tar")


def test_a_member_that_would_leave_the_folder_is_refused(tmp_path):
    writer = Writer(tmp_path / "evil.tar", "evil.tar")
    writer.add_bytes("../evil", b"x")
    writer.close()
    with pytest.raises(CannotRestore):
        unpack(tmp_path / "evil.tar", tmp_path / "inside")
    assert not (tmp_path / "evil").exists()
