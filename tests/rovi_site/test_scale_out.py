"""Two web servers, our worker and Celery's, PostgreSQL, Redis, ours killed: no row is lost, none stepped twice."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import msgpack
import numpy as np
import pytest
from django.db import connection
from websockets.sync.client import connect

from energykit.ukf import FilterRows, FleetFilter, JointFilterParameters
from tests.killable import Service
from tests.servers import free_port
from tests.twin import oracle

BATTERIES, ROWS = 12, 400
REGISTER = """
from tests.twin import oracle
from twin.registration import register_estimator
for number in range({batteries}):
    register_estimator(battery_name=f"cell-{{number}}", kind="joint_ukf", parameters=oracle.parameters("one_rc"))
"""
QUEUE = """
    INSERT INTO jobs_job (kind, subject, title, arguments, state, tries, max_tries, cancel_requested_by, progress,
        message, error, traceback, created)
    VALUES ('load_estimator', '', '', '{{"estimator_id": 0}}', 'queued', 0, 1, '', 0, '', '', '', {created})
    RETURNING id
"""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(600)]


class ScaledOut(Service):
    """Its second web server answers at `ports[1]`."""

    def preparation(self) -> str:
        return REGISTER.format(batteries=BATTERIES) + super().preparation()

    def begin(self) -> None:
        self.ports = [self.port, free_port()]
        self.start_worker("worker-0")
        self.start("worker-1", "-m", "celery", "-A", "rovi_site", "worker", "--hostname", f"tests-{self.port}@%h")
        for number, port in enumerate(self.ports):
            self.start_web(f"web-{number}", port)
        self.wait_until(lambda: self.shards_held() == [8, 8])

    def shards_held(self) -> list[int]:
        return [n for (n,) in self.ask("SELECT COUNT(*) FROM jobs_shard WHERE owner <> '' GROUP BY owner")]

    def socket(self, web: int, path: str):
        address, token = f"ws://127.0.0.1:{self.ports[web]}/{path}", {"Authorization": f"Bearer {self.token}"}
        return connect(address, additional_headers=token, open_timeout=240, close_timeout=2)

    def send(self, web: int, battery: str, rows: list[dict], rows_a_frame: int = 50) -> None:
        """Until all are acknowledged."""
        with self.socket(web, f"db/upload/{battery}?ack=1") as socket:
            handled = msgpack.unpackb(socket.recv())["position"]
            wanted = handled + len(rows)
            for start in range(0, len(rows), rows_a_frame):
                socket.send(msgpack.packb(rows[start : start + rows_a_frame]))
            while handled < wanted:
                handled = msgpack.unpackb(socket.recv())["ack"]

    def seen(self) -> int:
        return self.ask("SELECT SUM(rows_seen) FROM twin_estimatorprogress")[0][0]

    def queue_job(self, created: str) -> int:
        import psycopg

        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as database:
            return database.execute(QUEUE.format(created=created)).fetchone()[0]

    def wait_for_job(self, job: int) -> tuple:
        told = f"SELECT state, tries, error FROM jobs_job WHERE id = {job}"
        self.wait_until(lambda: self.ask(told)[0][0] not in ("queued", "running"), seconds=240)
        return self.ask(told)[0]


@pytest.fixture(scope="module")
def scaled(tmp_path_factory, redis_url):
    if connection.vendor != "postgresql":
        pytest.skip("about several processes on PostgreSQL; `make test` runs it in its second pass")
    data = tmp_path_factory.mktemp("scaled") / "data"
    variables = {"REDIS_URL": redis_url, "ROVI_JOB_LEASE_SECONDS": "6", "ROVI_ESTIMATION_CHUNK_ROWS": "37"}
    with ScaledOut(data, "postgresql", **variables) as run:
        run.begin()
        yield run


def in_threads(*works) -> None:
    """What one raises is raised here."""
    with ThreadPoolExecutor(len(works)) as threads:
        for begun in [threads.submit(work) for work in works]:
            begun.result()


def test_sockets_of_two_web_servers_fill_one_battery_and_pages_of_both_hear_of_it(scaled):
    rows = [{"test_time": float(k), "voltage": 3.7} for k in range(300)]
    with ExitStack() as open_pages:
        _fill_one_battery(scaled, rows, [open_pages.enter_context(scaled.socket(web, "ws/updates/")) for web in (0, 1)])


def _fill_one_battery(scaled, rows, pages):
    assert [json.loads(page.recv()) for page in pages] == [{"changed": {}}] * 2
    time.sleep(1.5)  # each has looked once, and knows what was there before

    in_threads(lambda: scaled.send(0, "both", rows[:200]), lambda: scaled.send(1, "both", rows[100:]))

    ((battery, counted),) = scaled.ask("SELECT id, rows FROM datahub_battery WHERE name = 'both'")
    assert scaled.ask(f"SELECT COUNT(*), COUNT(DISTINCT test_time) FROM rows_{battery}") == [(300, 300)]
    assert counted == 300
    for page in pages:
        heard: set[int] = set()
        while battery not in heard:
            heard |= set(json.loads(page.recv(timeout=240))["changed"].get("battery", []))


def test_a_job_that_workers_are_called_to_five_times_runs_once(scaled, redis_url):
    from jobs.running.celery_app import app, queue_of, run_job

    job = scaled.queue_job("now() + interval '1 hour'")  # so young that nobody looks for it without a call
    with app.connection(redis_url) as redis:
        for shard in (None, 1, 2, 9, 10):
            run_job.apply_async(args=[job], queue=queue_of(shard), connection=redis)
    assert scaled.wait_for_job(job)[:2] == ("failed", 1)


def test_a_job_whose_call_redis_has_lost_is_found(scaled):
    job = scaled.queue_job("now()")
    assert scaled.wait_for_job(job) == ("failed", 1, "DoesNotExist: Estimator matching query does not exist.")


def test_rows_are_estimated_once_to_the_bit_though_a_worker_is_killed(scaled):
    def send(web):
        for number in range(web, BATTERIES, 2):
            scaled.send(web, f"cell-{number}", oracle.records(last=ROWS))

    def kill_when_under_way():
        scaled.wait_until(lambda: scaled.seen() >= BATTERIES * ROWS // 4)
        scaled.kill("worker-0")

    in_threads(lambda: send(0), lambda: send(1), kill_when_under_way)
    scaled.wait_until(lambda: scaled.seen() == BATTERIES * ROWS)
    scaled.wait_until(lambda: scaled.shards_held() == [16])

    means, covariances = undisturbed()
    for (estimator,) in scaled.ask("SELECT estimator_id FROM twin_estimatorprogress ORDER BY 1"):
        found = scaled.ask(f"SELECT * FROM estimates_{estimator} ORDER BY row_id")
        states = means.shape[1]
        np.testing.assert_array_equal([row[2 : 2 + states] for row in found], means)
        np.testing.assert_array_equal([np.frombuffer(row[2 + states]) for row in found], covariances)


def test_the_worker_that_celery_started_is_left_and_runs_what_it_is_called_to(scaled, redis_url):
    from jobs.running.celery_app import app, queue_of, run_job

    if "worker-0" in scaled.processes:
        scaled.kill("worker-0")
    job = scaled.queue_job("now() + interval '1 hour'")
    with app.connection(redis_url) as redis:
        run_job.apply_async(args=[job], queue=queue_of(None), connection=redis)
    assert scaled.wait_for_job(job)[:2] == ("failed", 1)
    told = f"SELECT w.name FROM jobs_job j JOIN jobs_worker w ON w.id = j.worker_id WHERE j.id = {job}"
    assert f"-{scaled.processes['worker-1'].pid}-" in scaled.ask(told)[0][0]


def undisturbed() -> tuple[np.ndarray, np.ndarray]:
    parameters = JointFilterParameters.from_mapping(oracle.parameters("one_rc"))
    columns = [np.array(oracle.cell()[column][:ROWS]) for column in ("test_time", "current", "voltage")]
    alone = FleetFilter([parameters]).advance([FilterRows(*columns)])[0]
    return alone.means[1:], alone.covariances[1:]
