"""Forecasters, batteries with health estimates, and a worker that runs what is queued."""

from contextlib import contextmanager

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from datahub.models import Battery
from jobs.models import Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job
from prognosis.forecasting import script
from prognosis.registration import register_forecaster
from sandbox import WallsMissing
from tests.prognosis import past
from twin import tables
from twin.models import Estimator, EstimatorProgress

STATES = ["soc", "q_t.base_values", "r0.base_values"]
# SQLite reads history on a connection of its own, which sees only what is committed.
where_history_is_read = pytest.mark.django_db(transaction=connection.vendor == "sqlite")

QUERY = "SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 1000"
HOLDS = """\
def forecast(past_estimates, load):
    return load[['test_time']].assign(q_t__base_values=past_estimates['q_t__base_values'].iloc[-1])
"""


@pytest.fixture(autouse=True)
def own_data_folder(settings, tmp_path):
    settings.ROVI_DATA = tmp_path
    settings.MEDIA_ROOT = tmp_path / "uploads"


@pytest.fixture
def battery_with_past(db):
    yield past.battery_with_past
    past.drop_tables()


@pytest.fixture
def register(db):
    """`register(script)`: a forecaster for the battery 'cell', as the seed path registers one."""

    def make(definition=HOLDS, *, name="cell", sql_query=QUERY, files=None, **more):
        uploads = [ContentFile(content, name=file_name) for file_name, content in (files or {}).items()]
        return register_forecaster(name=name, definition=definition, sql_query=sql_query, files=uploads, **more)

    return make


@pytest.fixture
def work(db):
    """`work()`: a worker runs all that is queued; returns the jobs in the order they were run."""
    worker = Worker.objects.create(name="of a test", heartbeat=timezone.now())

    def run_all():
        jobs = []
        while (job := claim_next_job(worker)) is not None:
            run_job(job)
            job.refresh_from_db()
            jobs.append(job)
        return jobs

    return run_all


@pytest.fixture
def without_walls(monkeypatch):
    """`with without_walls():` no script is run meanwhile, because a wall is missing."""

    def refuse(required):
        raise WallsMissing(["moat"])

    @contextmanager
    def missing():
        with monkeypatch.context() as patched:
            patched.setattr(script, "running_zygote", refuse)
            yield

    return missing


@pytest.fixture
def estimated(db):
    """`estimated(capacities)`: a battery whose estimator has made an estimate a minute, with these capacities in Ah."""
    made = []

    def make(capacities=(1.0, 0.99, 0.98), *, name="cell"):
        battery = Battery.objects.create(name=name)
        estimator = Estimator.objects.create(battery=battery, version=1, kind="joint_ukf", is_current=True)
        EstimatorProgress.objects.create(estimator=estimator, state_names=STATES)
        made.append(estimator.pk)
        tables.create(connection, estimator.pk, STATES)
        rows = [
            (number, 60.0 * number, 0.5, capacity, 0.04, b"\0" * 48, 3.7, 0.001, 1e-4, None)
            for number, capacity in enumerate(capacities)
        ]
        tables.insert(connection, estimator.pk, STATES, rows)
        return battery

    yield make
    for pk in made:
        tables.drop(connection, pk)
