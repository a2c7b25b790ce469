"""What a backup needs of PostgreSQL and its programs is checked before, and told with what to do about it."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from rovi_site.backup import postgresql
from tests import clusters

pytestmark = [pytest.mark.postgres, pytest.mark.django_db, pytest.mark.usefixtures("on_postgresql")]

FEW = {
    "max_connections": 6, "max_locks_per_transaction": 10, "max_worker_processes": 1, "max_wal_senders": 0,
    "autovacuum_max_workers": 1,
}  # fmt: skip
TABLES = 1500


@pytest.fixture
def program(monkeypatch, tmp_path):
    """`program(name, version, listed)`: one of that version is all that is on the PATH; `--list` prints `listed`."""
    monkeypatch.setattr(postgresql, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def put(name, version, listed=""):
        path = tmp_path / name
        path.write_text(
            f"#!/bin/sh\ncase $1 in --version) echo '{name} (PostgreSQL) {version}';; *) echo '{listed}';; esac\n"
        )
        path.chmod(0o755)

    return put


@pytest.mark.parametrize("apart", [-1, 1])
def test_a_program_of_another_version_is_told_with_what_to_install(program, tmp_path, apart):
    server = postgresql._server_version()
    program("pg_dump", f"{server + apart}.1 (Debian)")
    with pytest.raises(postgresql.ProgramFailed) as failed:
        postgresql.dump(tmp_path / "dump")
    assert f"version {server + apart} here" in str(failed.value)
    assert f"postgresql-client-{server}" in str(failed.value)


def test_a_program_that_is_missing_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(postgresql, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(postgresql.ProgramFailed, match="pg_dump is not here, and the server is PostgreSQL"):
        postgresql.program("pg_dump")


def test_an_archive_of_a_later_version_than_the_server_is_refused(program, tmp_path):
    server = postgresql._server_version()
    program("pg_restore", f"{server}.4", listed=f";     Dumped by pg_dump version: {server + 1}.0")
    with pytest.raises(postgresql.ProgramFailed, match=f"Restore it to a server of version {server + 1} or later"):
        postgresql.check_loading(tmp_path / "dump")
    program("pg_restore", f"{server}.4", listed=f";     Dumped by pg_dump version: {server}.0")
    postgresql.check_loading(tmp_path / "dump")


def test_where_the_server_has_no_room_for_the_locks_of_all_tables_it_says_the_number_to_set(monkeypatch, tmp_path):
    if why := clusters.why_none():
        pytest.skip(why)
    with clusters.Cluster(**FEW) as cluster:
        use(monkeypatch, cluster)
        for first in range(0, TABLES, 10):
            run("; ".join(f"CREATE TABLE rows_{n} (id bigint PRIMARY KEY, t text)" for n in range(first, first + 10)))
        with pytest.raises(postgresql.ProgramFailed) as failed:
            postgresql.dump(tmp_path / "dump")
        assert f"needs {TABLES:,} locks" in str(failed.value)
        with monkeypatch.context() as patch:  # as the server itself would have said it, without a way out
            patch.setattr(postgresql, "_check_locks", lambda *_: None)
            with pytest.raises(postgresql.ProgramFailed, match="out of shared memory"):
                postgresql.dump(tmp_path / "dump")
        (tmp_path / "dump").unlink(missing_ok=True)

        restart(monkeypatch, cluster, number_in(failed.value))
        postgresql.dump(tmp_path / "dump")
        with pytest.raises(postgresql.ProgramFailed) as failed:  # a table has a key here, and long values
            postgresql.check_loading(tmp_path / "dump")
        assert f"Restoring needs {4 * TABLES:,} locks" in str(failed.value)
        restart(monkeypatch, cluster, number_in(failed.value))
        postgresql.check_loading(tmp_path / "dump")
        run("ALTER SCHEMA public RENAME TO aside; CREATE SCHEMA public")
        postgresql.load(tmp_path / "dump")
        assert run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(TABLES,)]
        postgresql.connection.close()


def use(monkeypatch, cluster):
    other = connection.copy()
    other.settings_dict |= {"NAME": "postgres", "HOST": "127.0.0.1", "PORT": str(cluster.port), "USER": "postgres"}
    monkeypatch.setattr(postgresql, "connection", other)


def run(statement):
    with postgresql.connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def number_in(refusal):
    return int(re.search(r"max_locks_per_transaction = (\d+) ", str(refusal))[1])


def restart(monkeypatch, cluster, locks):
    postgresql.connection.close()
    cluster.stop()
    cluster.options["max_locks_per_transaction"] = locks
    cluster.start()
    use(monkeypatch, cluster)
