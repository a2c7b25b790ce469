from pathlib import Path

import pytest

from rovi_site.database import POSTGRES_OPTIONS, settings_from_url


def test_sqlite_lies_in_the_data_folder_unless_a_path_is_named(tmp_path):
    assert settings_from_url("", tmp_path)["NAME"] == tmp_path / "rovi.sqlite3"
    assert settings_from_url("sqlite:///srv/my%20data.db", tmp_path)["NAME"] == Path("/srv/my data.db")


def test_a_postgresql_address_is_read_in_full(tmp_path):
    read = settings_from_url("postgres://me:p%40ss@db.example.org:5433/cells?sslmode=require", tmp_path)

    assert {key: read[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "cells",
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": "db.example.org",
        "PORT": "5433",
        "OPTIONS": {**POSTGRES_OPTIONS, "sslmode": "require"},
    }


def test_options_of_the_address_go_before_ours(tmp_path):
    read = settings_from_url("postgres://db.example.org/cells?connect_timeout=3", tmp_path)

    assert read["OPTIONS"] == {**POSTGRES_OPTIONS, "connect_timeout": "3"}


@pytest.mark.postgres
def test_postgresql_keeps_what_was_acknowledged_at_a_power_cut(db, on_postgresql):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def test_sqlite_keeps_what_was_acknowledged_at_a_power_cut(db):
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("about SQLite")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)  # 2 is FULL
