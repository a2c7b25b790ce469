import time
from collections import namedtuple
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from datahub.ingest import writer
from jobs.models import Worker
from rovi_site import health

pytestmark = pytest.mark.django_db


def ask(path="/healthz/ready"):
    answer = Client().get(path)
    return answer.status_code, answer.json()


def test_a_process_that_answers_is_live(monkeypatch):
    monkeypatch.setattr(health, "migrations_are_applied", lambda: 1 / 0)  # must not be asked

    assert ask("/healthz/live") == (200, {"status": "live"})


def test_it_is_ready_and_tells_whether_a_worker_is_there():
    assert ask() == (200, {"status": "ready", "worker": "none"})

    Worker.objects.create(name="w", heartbeat=timezone.now())
    assert ask() == (200, {"status": "ready", "worker": "alive"})

    Worker.objects.update(heartbeat=timezone.now() - timedelta(hours=1))
    assert ask() == (200, {"status": "ready", "worker": "none"})


def test_it_is_not_ready_without_its_database(monkeypatch):
    def broken():
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "migrations_are_applied", broken)

    assert ask() == (503, {"status": "not ready", "worker": "unknown", "missing": ["database"]})


def test_it_is_not_ready_before_the_migrations(monkeypatch):
    monkeypatch.setattr(health, "_are_migrations_known_applied", False)
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: ["one to come"])

    assert ask() == (503, {"status": "not ready", "worker": "unknown", "missing": ["migrations"]})


def test_it_is_not_ready_on_a_full_disk(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: usage(10**9, 10**9, health.SPARE_BYTES))

    assert ask() == (503, {"status": "not ready", "worker": "none", "missing": ["disk"]})


def test_it_is_not_ready_while_rows_wait_to_be_stored(monkeypatch):
    waiting = writer.Writer(buffer=None, most_rows=1)
    monkeypatch.setattr(writer, "_writer", waiting)
    waiting.committing_since = time.monotonic()
    assert ask()[0] == 200

    waiting.committing_since -= health.LONGEST_COMMIT_SECONDS
    assert ask() == (503, {"status": "not ready", "worker": "none", "missing": ["storing"]})


def test_only_reading_is_allowed():
    assert Client().post("/healthz/ready").status_code == 405
    assert Client().head("/healthz/live").status_code == 200
