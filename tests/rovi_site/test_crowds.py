"""Short versions of `faults/`: a crowd that connects at once, one that stays, and a Redis that goes and comes back."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request

import pytest

from faults.soak import CURVES, sample
from tests import brokers
from tests.crowds import Crowd, all_at_once
from tests.disturbed import Stand, batteries
from tests.killable import SECONDS
from tests.watching import open_files, resident_bytes

AT_ONCE, ROWS_EACH = 100, 3
SOAKED, SOAK_SECONDS = 20, 10.0
MIB = 2**20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.skipif(bool(brokers.why_none()), reason=brokers.why_none()),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with brokers.Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def stand(broker, tmp_path_factory):
    data = tmp_path_factory.mktemp("crowds") / "data"
    with Stand(data, fleet=batteries(2, 0), rows=0, REDIS_URL=broker.url, ROVI_LOG_FORMAT="json") as stand:
        stand.launch("web")
        stand.launch("worker-0")
        stand.wait_until(stand.answers)
        yield stand


def import_a_file(stand: Stand, name: str) -> None:
    """Through the web server, which calls a worker by Redis where it can; returns when the rows are there."""
    body = (
        f'--rovi\r\nContent-Disposition: form-data; name="file"; filename="{name}.csv"\r\n'
        "Content-Type: text/csv\r\n\r\ntest_time,voltage\n0,3.5\n1,3.6\n\r\n--rovi--\r\n"
    )
    headers = {"Authorization": f"Bearer {stand.token}", "Content-Type": "multipart/form-data; boundary=rovi"}
    asked = urllib.request.Request(f"http://127.0.0.1:{stand.port}/api/v1/imports/", body.encode(), headers)
    with urllib.request.urlopen(asked, timeout=240) as answer:
        assert answer.status == 202
    until = time.monotonic() + SECONDS
    while stand.ask(f"SELECT rows FROM datahub_battery WHERE name = '{name}'") != [(2,)]:
        assert time.monotonic() < until, stand.logs()
        stand.wait(0.1)  # and starts a worker again that Celery has ended, as a supervisor does


def test_a_hundred_that_connect_at_once_are_all_served(stand):
    files = open_files(web := stand.processes["web"].pid)
    asyncio.run(all_at_once(stand, AT_ONCE, ROWS_EACH))
    counted = "SELECT COUNT(*), SUM(rows) FROM datahub_battery WHERE name LIKE 'crowd-%'"
    assert stand.ask(counted) == [(AT_ONCE, AT_ONCE * ROWS_EACH)]
    stand.wait_until(lambda: open_files(web) < files + AT_ONCE // 2)  # what was opened for them is closed again
    assert stand.processes["web"].poll() is None


def test_without_redis_rows_and_jobs_go_on_and_with_it_again_too(stand, broker):
    import_a_file(stand, "before")
    broker.kill()
    import_a_file(stand, "meanwhile")
    assert stand.health()[0] == 200
    broker.start()
    import_a_file(stand, "afterwards")
    assert stand.processes["web"].poll() is None


def test_twenty_sockets_for_ten_seconds_lose_nothing_and_leave_nothing_open(stand):
    web = stand.processes["web"].pid
    files, resident = open_files(web), resident_bytes(web)
    crowd = Crowd(stand, SOAKED, seconds_a_row=0.25, seconds_to_open=1.0)

    async def soak():
        living = asyncio.create_task(crowd.live())
        await asyncio.sleep(SOAK_SECONDS)
        found = await asyncio.to_thread(sample, stand, crowd, time.monotonic())
        living.cancel()
        return found

    found = asyncio.run(soak())
    assert crowd.breaks == 0
    assert set(found) >= {curve.name for curve in CURVES}
    assert crowd.acknowledged > 5 * SOAKED
    assert stand.stored() >= crowd.acknowledged
    assert found["web_files"] >= files + SOAKED // 2  # so that the next line can fail
    stand.wait_until(lambda: open_files(web) < files + SOAKED // 2)
    assert resident_bytes(web) - resident < 50 * MIB
    stand.wait_until(
        lambda: (
            stand.seen()
            == sum(stand.ask(f"SELECT rows FROM datahub_battery WHERE name = '{name}'")[0][0] for name in stand.names)
        )
    )


def test_each_line_of_the_web_servers_log_is_json_when_that_was_asked_for(stand):
    log = stand.log_folder / "web.log"
    stand.wait_until(lambda: log.stat().st_size > 0)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(each) for each in told)
