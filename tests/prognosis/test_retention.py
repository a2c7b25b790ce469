"""Files of old forecasts are deleted where the settings say so; what they said in short, and their scores, stay."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from datahub.models import Battery
from prognosis import retention
from prognosis.models import ForecastRun, ForecastScore
from prognosis.retention import delete_old_files
from prognosis.scoring.duty import moved_runs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def not_looked_yet(monkeypatch):
    monkeypatch.setattr(retention, "_looked", float("-inf"))


@pytest.fixture
def battery():
    return Battery.objects.create(name="cell")


def forecast(battery, days_ago, state="done"):
    run = ForecastRun(
        battery=battery, load={"ahead_time": 60.0, "resolution": 60.0}, state=state, headline="Lasts.", result_rows=2,
        finished=timezone.now() - timedelta(days=days_ago), next_score=5.0, scored_estimator=1, scored_series=0,
    )  # fmt: skip
    run.profile.save("profile.csv", ContentFile(b"time,current\n0,1\n"), save=False)
    for name in retention.MADE_FILES:
        getattr(run, name).save(f"{name}.parquet", ContentFile(b"columns"), save=False)
    run.save()
    ForecastScore.objects.create(run=run, horizon=0, points=3)
    return run


def files_of(run):
    return [getattr(run, name).path for name in ("profile", *retention.MADE_FILES) if getattr(run, name)]


def test_all_files_are_kept_unless_the_settings_say_so(settings, battery):
    run = forecast(battery, 1000)
    assert settings.FORECAST_FILES_DAYS is None
    assert not delete_old_files()
    run.refresh_from_db()
    assert len(files_of(run)) == 4


def test_what_was_made_long_ago_goes_and_what_was_said_stays(
    settings, battery, client, user_with_role, django_capture_on_commit_callbacks
):
    settings.FORECAST_FILES_DAYS = 30.0
    old, new, running = forecast(battery, 31), forecast(battery, 29), forecast(battery, 31, state="running")
    paths = files_of(old)
    with django_capture_on_commit_callbacks(execute=True):
        assert not delete_old_files()
    for run in (old, new, running):
        run.refresh_from_db()
    assert [len(files_of(run)) for run in (old, new, running)] == [1, 4, 4]
    assert [Path(path).exists() for path in paths] == [True, False, False, False]
    assert old.profile.read() == b"time,current\n0,1\n"  # with it the same can be asked once more
    assert (old.headline, old.scores.get().points) == ("Lasts.", 3)
    assert old.pk not in moved_runs().values_list("pk", flat=True)  # whatever estimator comes, its scores stay
    client.force_login(user_with_role("viewer"))
    page = client.get(reverse("forecast", args=[old.pk])).content.decode()
    assert "Lasts." in page
    assert "Its files are deleted by now" in page
