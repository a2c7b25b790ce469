"""A forecaster that is disabled makes no forecast, by whatever door it is asked; enabled, it does again."""

import pytest
from django.test import Client

from access.models import AuditEntry
from datahub.models import Battery
from fleet.ports import ForetellingFailed
from prognosis.errors import CannotBeScored, ForecasterDisabled
from prognosis.forecasting.groups import Chosen, GroupAsk, request_fleet
from prognosis.forecasting.load import load_from
from prognosis.forecasting.runs import Way, request_run
from prognosis.models import Forecaster, ForecastRun, ForecastScore
from prognosis.registration import disable_forecaster, enable_forecaster
from prognosis.scoring.asking import request_scoring
from prognosis.states import RunState
from rovi_site.wiring import Scripts
from tests.prognosis.conftest import where_history_is_read
from twin.models import EstimatorProgress

pytestmark = [where_history_is_read, pytest.mark.postgres]
LOAD = load_from({"ahead_time": 120, "resolution": 60})
SENTENCE = "The forecaster cell v1 is disabled."


@pytest.fixture
def forecaster(estimated, register, work):
    estimated()
    register()
    work()
    return Forecaster.objects.get()


@pytest.fixture
def browser_of(user_with_role):
    def make(role):
        client = Client()
        client.force_login(user_with_role(role))
        return client

    return make


def battery():
    return Battery.objects.get(name="cell")


def test_who_asks_it_is_told_and_enabled_it_forecasts(forecaster, work):
    assert (disable_forecaster(forecaster), disable_forecaster(forecaster)) == (True, False)
    for way in (Way(), Way(forecaster=forecaster)):
        with pytest.raises(ForecasterDisabled, match=SENTENCE):
            request_run(battery(), LOAD, way=way)
    assert not ForecastRun.objects.exists()
    assert (enable_forecaster(forecaster), enable_forecaster(forecaster)) == (True, False)
    request_run(battery(), LOAD)
    work()
    assert ForecastRun.objects.get().state == RunState.DONE
    told = AuditEntry.objects.filter(action__in=("disabled", "enabled")).order_by("pk")
    assert list(told.values_list("action", flat=True)) == ["disabled", "enabled"]


@pytest.mark.parametrize("is_pinned", [False, True])
def test_what_waits_when_it_is_disabled_is_refused_by_the_worker(forecaster, work, is_pinned):
    request_run(battery(), LOAD, way=Way(forecaster=forecaster if is_pinned else None))
    disable_forecaster(forecaster)
    work()
    run = ForecastRun.objects.get()
    assert (run.state, run.error_code) == (RunState.FAILED, "forecaster_disabled")
    assert run.error == f"{SENTENCE} Enable it on its page, or name a built-in kind."


def test_in_a_fleet_its_batteries_are_told(forecaster):
    disable_forecaster(forecaster)
    fleet = request_fleet(Chosen(), LOAD, GroupAsk("x", Way(kind="script")), None)
    assert [(run.state, run.error) for run in fleet.runs.all()] == [(RunState.FAILED, "Its forecaster is disabled.")]


def test_it_foretells_no_energy(forecaster):
    assert Scripts().names() == ["cell"]
    disable_forecaster(forecaster)
    assert Scripts().names() == []
    with pytest.raises(ForetellingFailed, match="There is no forecaster 'cell' that is ready"):
        Scripts().foretell("cell", [], [], [])


def test_pages_say_so_and_have_a_button(forecaster, browser_of):
    engineer = browser_of("engineer")
    page = engineer.post(f"/forecasters/{forecaster.pk}/disable", follow=True).content.decode()
    assert "Disabled: it makes no forecast until somebody enables it." in page
    assert f'action="/forecasters/{forecaster.pk}/enable"' in page
    assert "It was so already" in engineer.post(f"/forecasters/{forecaster.pk}/disable", follow=True).content.decode()
    listed = engineer.get("/forecasters?state=disabled")
    assert [row[1].word for row in listed.context["rows"]] == ["Disabled"]
    asked = engineer.post(
        "/dashboard/cell?tab=forecasts", {"battery": "cell", "ahead": "1", "ahead_unit": "h", "profile": "none"}
    )
    assert (asked.status_code, SENTENCE in asked.content.decode()) == (422, True)
    assert engineer.post(f"/forecasters/{forecaster.pk}/burn").status_code == 404


def test_programs_do_it_over_rest(forecaster, browser_of):
    engineer, address = browser_of("engineer"), f"/api/v1/forecasters/{forecaster.pk}"
    assert engineer.post(f"{address}/disable/").json()["disabled_at"] is not None
    body = {"battery": "cell", "ahead_time": 120, "resolution": 60}
    asked = engineer.post("/api/v1/forecasts/", body, content_type="application/json")
    assert (asked.status_code, asked.json()["error"]["code"]) == (409, "forecaster_disabled")
    assert engineer.post(f"{address}/enable/").json()["disabled_at"] is None


def test_the_admin_has_an_action_a_word_and_a_filter(forecaster, browser_of):
    engineer, address = browser_of("engineer"), "/admin/prognosis/forecaster/"
    chosen = {"action": "disable", "_selected_action": forecaster.pk, "sure": "yes"}
    page = engineer.post(address, chosen, follow=True).content.decode()
    assert "1 disabled." in page
    assert "Disabled" in engineer.get(address, {"use": "disabled"}).content.decode()
    assert engineer.get(address, {"use": "enabled"}).context["cl"].result_count == 0


# --- scored now ------------------------------------------------------------------------------------------------------
def test_a_forecast_is_scored_when_somebody_asks(forecaster, work, browser_of):
    """Made at 60 s of 0.99 Ah, it says that this stays; at 120 s it is 0.98 Ah, and 180 s have not come."""
    run = request_run(battery(), LOAD, way=Way(as_of=60.0))
    work()
    ForecastRun.objects.filter(pk=run.pk).update(reference_capacity=1.0)
    EstimatorProgress.objects.update(latest_time=120.0)
    ForecastScore.objects.create(run=run, horizon=3, points=7)
    chosen = {"action": "score_now", "_selected_action": run.pk, "sure": "yes"}
    page = browser_of("operator").post("/admin/prognosis/forecastrun/", chosen, follow=True).content.decode()
    assert "1 queued." in page
    (job,) = work()
    assert (job.kind, job.result) == ("score_forecast", {"forecast": run.pk, "points": 1})
    (score,) = ForecastScore.objects.all()
    assert (score.points, score.sum_absolute) == (1, pytest.approx(0.01))


def test_what_cannot_be_scored_is_told(forecaster):
    run = request_run(battery(), LOAD)
    with pytest.raises(CannotBeScored, match=f"Forecast {run.pk} is queued, so there is nothing to score."):
        request_scoring(run)
