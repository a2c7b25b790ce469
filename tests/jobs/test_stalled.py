"""A COPY that no longer comes forward, as its process is frozen, is ended with its session; one that does is left."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.apps import apps
from django.db import connection

from jobs import tables
from jobs.running.stalled import StalledCopies

ALL_APPS = [config.name for config in apps.get_app_configs()]  # PostgreSQL empties all tables at once, or none
pytestmark = [
    # Within one transaction PostgreSQL tells of sessions what it told before.
    pytest.mark.django_db(transaction=True, available_apps=ALL_APPS),
    pytest.mark.postgres,
    pytest.mark.usefixtures("on_postgresql"),
]

ENOUGH_TO_BE_SENT = b"7\n" * 200_000


@pytest.fixture
def lease(settings):
    settings.JOB_LEASE_SECONDS = 0.3
    return settings.JOB_LEASE_SECONDS


@pytest.fixture
def session():
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("CREATE TEMP TABLE copied (number bigint)")
        yield other


def looked_until(stalled, done, seconds=20.0):
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        stalled.look()
        time.sleep(0.05)
    return done()


def is_there(session):
    asked = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    with connection.cursor() as cursor:
        cursor.execute(asked, [session.info.backend_pid])
        return cursor.fetchone()[0] == 1


def test_a_copy_whose_client_says_nothing_for_a_lease_is_ended(session, lease):
    def freezes_amid_it():
        with session.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write(ENOUGH_TO_BE_SENT)
            assert looked_until(StalledCopies(), lambda: not is_there(session))

    with pytest.raises(psycopg.OperationalError):
        freezes_amid_it()


def test_a_copy_that_comes_forward_is_left_alone(session, lease):
    stalled = StalledCopies()
    with session.cursor().copy("COPY copied FROM STDIN") as copy:
        until = time.monotonic() + 4 * lease
        while time.monotonic() < until:
            copy.write(ENOUGH_TO_BE_SENT)
            time.sleep(0.02)
            stalled.look()
    assert session.execute("SELECT count(*) > 0 FROM copied").fetchone() == (True,)


def test_a_session_that_has_gone_on_to_other_work_is_not_ended_for_its_copy(session):
    with session.cursor().copy("COPY copied FROM STDIN") as copy:
        copy.write(ENOUGH_TO_BE_SENT)
        looked_until(StalledCopies(), lambda: tables.copies_under_way(connection))
        (copying,) = tables.copies_under_way(connection)
    session.execute("SELECT 1")
    assert not tables.end_session(connection, copying)
    assert is_there(session)
