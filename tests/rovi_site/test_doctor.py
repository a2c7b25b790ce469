import io
import json
import threading
from collections import namedtuple
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from jobs.models import Job, State, Worker
from rovi_site.observing import doctor
from rovi_site.observing.doctor import BAD, DOUBTFUL, GOOD, Finding
from tests.servers import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def nobody_serves(settings):
    settings.PORT = free_port()


def findings(what: str) -> list[Finding]:
    return [each for each in doctor.examine() if each.what == what]


def states(what: str) -> list[str]:
    return [each.state for each in findings(what)]


def test_a_sound_database_is_good_and_is_left_as_it_was():
    assert states("database") == [GOOD]
    assert states("database") == [GOOD]  # what it tried to write is gone


def test_a_database_that_is_gone_is_bad_and_the_rest_is_still_examined(monkeypatch):
    def gone():
        raise DatabaseError("connection\nrefused")

    monkeypatch.setattr(doctor, "migrations_are_applied", gone)

    assert findings("database") == [
        Finding(BAD, "database", "The database cannot be used: connection refused.", "See DATABASE_URL and ROVI_DATA.")
    ]
    assert states("packages")
    assert not states("workers")


def test_migrations_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "migrations_are_applied", lambda: False)

    assert "manage.py migrate" in findings("database")[0].advice


def test_a_missing_worker_is_bad_and_one_that_vanished_is_told():
    assert states("workers") == [BAD]

    Worker.objects.create(name="alive", heartbeat=timezone.now())
    assert states("workers") == [GOOD]

    Worker.objects.create(name="lost", heartbeat=timezone.now() - timedelta(hours=1))
    assert states("workers") == [GOOD, DOUBTFUL]


def test_failed_jobs_are_told():
    assert states("jobs") == [GOOD]

    Job.objects.create(kind="fit_cell", state=State.FAILED)
    assert states("jobs") == [DOUBTFUL]


def test_a_disk_that_fills_is_doubtful_and_a_full_one_bad(monkeypatch):
    usage = namedtuple("usage", "total used free")
    for free, state in ((2**33, GOOD), (2**29, DOUBTFUL), (2**20, BAD)):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path, free=free: usage(2**40, 0, free))
        assert states("disk") == [state]


def test_packages_other_than_pinned_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: "0.0.1" if name == "msgpack" else doctor_version(name))

    found = findings("packages")[0]
    assert found.state == DOUBTFUL
    assert "msgpack is 0.0.1, not " in found.sentence


doctor_version = doctor.version


def test_redis_that_does_not_answer_is_bad(settings):
    assert not states("redis")

    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert states("redis") == [BAD]


def test_a_web_server_that_is_not_ready_is_told_with_its_own_words(settings):
    class NotReady(BaseHTTPRequestHandler):
        def do_GET(self):
            assert (self.path, self.headers["Host"]) == ("/healthz/ready", "localhost")
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b'{"status": "not ready", "missing": ["disk"]}')

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), NotReady) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.HOST, settings.PORT = server.server_address
        (found,) = findings("web server")
        server.shutdown()
    assert found.state == BAD
    assert '"missing": ["disk"]' in found.sentence


def test_the_command_says_what_to_do_and_ends_with_1(settings):
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("doctor", stdout=out, no_color=True)

    assert end.value.code == 1
    assert "✕ web server: " in out.getvalue()
    assert "    Start it: make run" in out.getvalue()


def test_programs_get_json(settings):
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)

    assert {"state", "what", "sentence", "advice"} == set(json.loads(out.getvalue())[0])
