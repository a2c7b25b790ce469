"""Forecasts that are kept: of one asset, of all and of their sum; scored when what they foretold has happened."""

import numpy as np
import pytest
from django.utils import timezone

from energykit.quarters import QUARTER_SECONDS, labelled
from fleet import ports
from fleet.forecasting.making import quarters_of
from fleet.forecasting.scoring import score_some
from fleet.models import Asset, EnergyForecast, EnergyScore
from jobs.models import State, Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DAY = 96
START = 1_535_328_000  # Monday, 2018-08-27 00:00 UTC
WAVE = 2 + np.sin(2 * np.pi * np.arange(DAY) / DAY)  # kWh; 192 a day


@pytest.fixture
def past(post):
    """`past(number, days)`: so many days of WAVE from START on, `factor` times as much."""

    def store(number, days=7, factor=1.0, first_day=0):
        rows = [
            {"datetime": labelled(START + (first_day * DAY + place) * QUARTER_SECONDS), "value": value}
            for place, value in enumerate(np.tile(factor * WAVE, days).tolist())
        ]
        answer = post({"spaceship_id": number, "units": "kWh", "data": rows})
        assert answer.status_code == 201, answer.content

    return store


@pytest.fixture
def work(db):
    """`work()`: a worker runs the next job; returns it."""
    worker = Worker.objects.create(name="of a test", heartbeat=timezone.now())

    def run():
        job = claim_next_job(worker)
        run_job(job)
        job.refresh_from_db()
        assert job.state == State.DONE, (job.message, job.error)
        return job

    return run


@pytest.fixture
def ask(client):
    def post_it(**body):
        return client.post("/api/v1/energy/forecasts/", body, format="json")

    return post_it


def test_quarters_of_many_assets_as_a_table(post):
    """By hand: 5.75 and 5.25 kWh, then 8 kW known for 300 of 900 s, which counts as 2 kWh."""
    rows = [22, 24, 23, 18, 22, 23, 8]
    data = [{"datetime": labelled(START + place * 300), "value": value} for place, value in enumerate(rows)]
    post({"spaceship_id": 2, "units": "kW", "data": data})
    post({"spaceship_id": 9, "units": "kW", "data": data[:3]})
    ids = list(Asset.objects.order_by("pk").values_list("pk", flat=True))
    found = quarters_of(ids, START // QUARTER_SECONDS - 1, 5)
    nan = np.nan
    assert found == pytest.approx(np.array([[nan, 5.75, 5.25, 2.0, nan], [nan, 5.75, nan, nan, nan]]), nan_ok=True)


def test_each_asset_and_their_sum_are_foretold_by_one_job(ask, past, work, client):
    for number, factor in ((1, 1.0), (2, 3.0)):
        past(number, factor=factor)
    past(3, days=1)
    Asset.objects.create(number=4)
    answer = ask(model="seasonal")
    assert answer.status_code == 202
    job = work()
    assert answer.headers["Location"].endswith(f"/jobs/{job.pk}/")
    assert job.result["forecasts"] == 3
    assert job.result["with too little history"] == 1
    listed = client.get("/api/v1/energy/forecasts/", {"ordering": "id"}).json()["results"]
    totals = {each["spaceship_id"]: each["total"] for each in listed}
    assert totals[1] == pytest.approx(192, rel=0.01)
    assert totals[2] == pytest.approx(576, rel=0.01)
    assert listed[0]["start"] == "2018-09-03T00:00:00Z"
    assert listed[0]["end"] == "2018-09-04T00:00:00Z"
    whole = client.get(f"/api/v1/energy/forecasts/{listed[0]['id']}/").json()
    assert len(whole["data"]) == DAY
    assert whole["data"][24]["expected"] == pytest.approx(3, rel=0.02)
    assert whole["data"][24]["low"] <= whole["data"][24]["expected"] <= whole["data"][24]["high"]


def test_a_forecast_is_held_against_what_happened(ask, past, work):
    """192 kWh were foretold, and a tenth more came: each quarter by 0.1 of its wave, 0.2 kWh on average."""
    past(1)
    ask(model="week", spaceship_id=1)
    work()
    assert not score_some()
    past(1, days=1, factor=1.1, first_day=7)
    past(1, days=1, first_day=8)
    assert score_some()
    forecast = EnergyForecast.objects.get(asset__number=1)
    assert forecast.scores["quarters"] == DAY
    assert forecast.scores["mean_absolute_error_kwh"] == pytest.approx(0.2)
    assert forecast.scores["bias_kwh"] == pytest.approx(-0.2)
    assert forecast.scores["actual_kwh"] == pytest.approx(211.2)
    assert forecast.scores["inside_band"] is None
    assert forecast.scored is not None
    assert not score_some()


def test_the_sum_of_all_is_scored_too(ask, past, work):
    past(1)
    past(2, factor=2.0)
    ask(model="week")
    work()
    for number, factor in ((1, 1.0), (2, 2.0)):
        past(number, days=2, factor=factor, first_day=7)
    while score_some():
        pass
    together = EnergyForecast.objects.get(asset=None)
    assert together.total == pytest.approx(3 * 192)
    assert together.scores["mean_absolute_error_kwh"] == pytest.approx(0, abs=1e-9)


def test_auto_takes_what_did_best_in_the_back_test(ask, past, work, client):
    """What repeats exactly is foretold best by a copy of it."""
    past(1, days=21)
    ask(model="auto", spaceship_id=1)
    work()
    assert EnergyForecast.objects.get(asset__number=1).model == "week"
    scores = client.get(f"/api/v1/energy/assets/{Asset.objects.get().pk}/scores/").json()
    assert scores[0]["model"] == "week"
    assert scores[0]["scores"]["quarter_error_kwh"] == pytest.approx(0, abs=1e-9)
    assert EnergyScore.objects.count() == 3


@pytest.mark.parametrize("model", ["linear", "seasonal", "week", "auto"])
def test_a_window_is_answered_at_once_by_each_model(client, past, model):
    past(1, days=14)
    window = {"spaceship_id": 1, "start": labelled(START + 14 * 86_400), "end": labelled(START + 15 * 86_400)}
    answer = client.get("/fleet/forecast", window | {"model": model})
    assert answer.status_code == 200, answer.content
    assert answer.json()["expected_consumption"] == pytest.approx(192, rel=0.01)


class Scripts:
    """In place of the sandbox: what a script would answer."""

    def __init__(self, columns):
        self.columns = columns
        self.heard = []

    def names(self):
        return ["mine"]

    def foretell(self, name, time, energy, ahead):
        self.heard.append((name, time, energy, ahead))
        return self.columns(ahead)


@pytest.fixture
def script(monkeypatch):
    def stand_in(columns):
        scripts = Scripts(columns)
        monkeypatch.setattr(ports, "forecasters", scripts)
        return scripts

    return stand_in


def test_a_script_foretells_in_a_job(ask, past, work, script):
    heard = script(lambda ahead: {"energy": np.full(len(ahead), 1.5), "energy_lower": np.ones(len(ahead)),
                                  "energy_upper": np.full(len(ahead), 2.0)}).heard  # fmt: skip
    past(1)
    assert ask(model="mine", spaceship_id=1, quarters=4).status_code == 202
    work()
    forecast = EnergyForecast.objects.get(asset__number=1)
    assert (forecast.model, forecast.total) == ("mine", 6.0)
    assert forecast.values("low").tolist() == [1.0] * 4
    ((_, time, energy, ahead),) = heard
    assert time[0] == START
    assert energy[: len(WAVE)] == pytest.approx(WAVE)
    assert ahead.tolist() == [START + 7 * 86_400 + place * QUARTER_SECONDS for place in range(4)]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (lambda ahead: {"power": ahead}, "no column 'energy', but power"),
        (lambda ahead: {"energy": ahead[:-1]}, "'energy' must hold 96 finite numbers"),
        (lambda ahead: {"energy": np.full(len(ahead), np.nan)}, "'energy' must hold 96 finite numbers"),
    ],
)
def test_what_a_script_answers_wrongly_is_told_in_the_jobs_log(ask, past, work, script, columns, why):
    script(columns)
    past(1)
    ask(model="mine", spaceship_id=1)
    job = work()
    assert job.result["failed"] == 1
    assert why in job.lines.get().text
    assert not EnergyForecast.objects.exists()


def test_a_script_is_not_run_where_requests_are_answered(client, past, script):
    heard = script(lambda ahead: {}).heard
    past(1)
    window = {"spaceship_id": 1, "start": labelled(START + 7 * 86_400), "end": labelled(START + 8 * 86_400)}
    answer = client.get("/fleet/forecast", window | {"model": "mine"})
    assert answer.status_code == 409
    assert not heard


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"model": "oracle"}, 400, "model"),
        ({"quarters": 0}, 400, "quarters"),
        ({"quarters": 31 * DAY + 1}, 400, "quarters"),
        ({"spaceship_id": 77}, 404, None),
        ({"spaceship_id": "x"}, 400, "spaceship_id"),
        ({"start": "soon"}, 400, "start"),
    ],
)
def test_what_is_refused(ask, past, body, status, field):
    past(1, days=1)
    answer = ask(**body)
    assert answer.status_code == status, answer.content
    if field:
        assert field in str(answer.json())


def test_nothing_was_read_yet(ask):
    assert ask().status_code == 422
