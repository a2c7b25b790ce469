"""Redis goes while rows come and jobs are asked for, and comes back empty."""

from __future__ import annotations

import time

import pytest

from faults.looking import Looks
from tests import brokers
from tests.brokers import Redis
from tests.disturbed import Losses, Stand, batteries

ROWS = 6_000
ROWS_A_SECOND = 30.0
SECONDS_AWAY = 30.0
JOBS = 5
ASK_FOR_JOBS = """
from django.core.files.base import ContentFile
from datahub.imports.requesting import request_import
for number in range({jobs}):
    request_import(ContentFile(b"test_time,voltage\\n0,3.5\\n1,3.6\\n", f"asked {when} {{number}}.csv"))
"""

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(brokers.why_none()), reason=brokers.why_none()),
]


def ask_for_jobs(stand: Stand, when: str) -> float:
    """Seconds until all are done."""
    done = "SELECT COUNT(*) FROM jobs_job WHERE kind = 'import_file' AND state = 'done'"
    wanted = stand.ask(done)[0][0] + JOBS
    stand.manage("shell", "--no-imports", "-c", ASK_FOR_JOBS.format(jobs=JOBS, when=when))
    begun = time.monotonic()
    while stand.ask(done)[0][0] < wanted:
        assert time.monotonic() < begun + 120, stand.logs()
        stand.wait(0.1)
    return time.monotonic() - begun


def test_without_redis_rows_are_stored_and_estimated_and_jobs_only_come_a_little_later(cluster, tmp_path, tell, seed):
    fleet = batteries(2, 1)
    with (
        Redis(tmp_path) as broker,
        Stand(tmp_path / "undisturbed", cluster, fleet=fleet, rows=ROWS) as undisturbed,
        Stand(tmp_path / "data", cluster, fleet=fleet, rows=ROWS, seed=seed, REDIS_URL=broker.url) as stand,
    ):
        undisturbed.begin()
        undisturbed.finish()
        undisturbed.kill_all()
        stand.begin(ROWS_A_SECOND)
        stand.wait_for_rows(300)
        with_redis = ask_for_jobs(stand, "before")
        before, seen = stand.acknowledged(), stand.seen()
        broker.kill()
        looks = Looks(stand)
        looks.during(SECONDS_AWAY)
        without = ask_for_jobs(stand, "meanwhile")
        assert stand.acknowledged() > before
        assert stand.seen() > seen
        broker.start()
        again = ask_for_jobs(stand, "afterwards")
        stand.finish()
        found = Losses.of(stand, undisturbed)
        tell(
            f"Redis gone for {SECONDS_AWAY:.0f} s and more, {stand.vendor}: {looks}; {JOBS} jobs took "
            f"{with_redis:.1f} s with it, {without:.1f} s without, {again:.1f} s when it was back; {found}; "
            f"processes started again {stand.revived}"
        )
        assert looks.always_live
        assert set(looks.ready) == {"200"}
        assert found.nothing(), vars(found)
        assert stand.revived == 0
