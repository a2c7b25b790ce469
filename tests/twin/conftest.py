"""Estimators in a folder of the test's own, stepped in this process unless a test starts a worker."""

from pathlib import Path

import pytest
from django.utils import timezone

from jobs.models import Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job
from sandbox.walls import DEFAULT_WALLS, probe_walls
from twin.estimation import recomputing
from twin.estimation.fleet import advance_fleet
from twin.estimation.scripts import advance_scripts, warm_guests
from twin.measuring import advancing
from twin.measuring.soc import recounts
from twin.registration import register_estimator
from twin.versions import promote_those_caught_up

SCRIPTS = (Path(__file__).parent / "scripts", Path(__file__).parents[2] / "docs" / "examples")


def text_of(name):
    """`coulomb_counter`: that script, of the tests or of the documentation's examples."""
    return next(path for folder in SCRIPTS if (path := folder / f"{name}.py").exists()).read_text()


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.ROVI_DATA = tmp_path
    settings.MEDIA_ROOT = tmp_path / "uploads"


@pytest.fixture
def many_chunks(settings, monkeypatch):
    """And many checkpoints, and no waiting for more late rows."""
    settings.ESTIMATION_CHUNK_ROWS = 7
    settings.CHECKPOINT_ROWS = 5
    monkeypatch.setattr(recomputing, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def at_once(settings, monkeypatch):
    """Rows are measured as soon as they are there, and nothing is under way from another test."""
    settings.MEASURING_PAUSE_SECONDS = 0.0
    monkeypatch.setattr(advancing, "_next_look_at_rules", 0.0)
    monkeypatch.setattr(advancing, "SECONDS_BETWEEN_LOOKS_AT_RULES", 0.0)
    advancing.under_way.clear()
    recounts.clear()


@pytest.fixture
def sandbox():
    """Skips where the walls that scripts need do not stand."""
    missing = probe_walls().missing(DEFAULT_WALLS)
    if missing:
        pytest.skip(f"scripts are refused on this machine: no {', '.join(missing)}")
    yield
    warm_guests.close_all()


@pytest.fixture
def script():
    return text_of


@pytest.fixture
def register_script(sandbox):
    """Registers a script and loads it, as a worker would."""

    def register(battery_name, definition, **wishes):
        estimator = register_estimator(battery_name=battery_name, definition=definition, **wishes)
        run_jobs()
        estimator.refresh_from_db()
        return estimator

    return register


def run_jobs():
    """Does what is queued, in this process, and tells how much that was; a failure is in the records."""
    worker, _ = Worker.objects.get_or_create(name="the test", defaults={"heartbeat": timezone.now()})
    done = 0
    while job := claim_next_job(worker):
        run_job(job)
        done += 1
    return done


def catch_up():
    """All rounds until nothing is left to do."""
    while advance_fleet() | advance_scripts() | (promote_those_caught_up() > 0) or run_jobs():
        continue
