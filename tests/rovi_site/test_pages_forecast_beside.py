"""Kept forecasts of a battery on one chart, and what was known of it at a time."""

import numpy as np
import pytest

from prognosis.models import ForecastRun, ForecastScore, RunState
from prognosis.storage import as_parquet
from tests.rovi_site.pages import battery_with_rows, with_estimates

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own

DAY = 86_400.0
TAB = "/dashboard/cell%201?tab=forecasts"


@pytest.fixture
def battery():
    return battery_with_rows("cell 1", rows=300, step=DAY)


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def forecast(battery, knew_days, soh=(0.9, 0.85), **values):
    """One that is done, of SOH on the day of its newest estimate and ten days later."""
    newest = knew_days * DAY
    run = ForecastRun(
        battery=battery, kind="trend", made_by="trend", state=RunState.DONE, newest_estimate=newest,
        load={"ahead_time": 10 * DAY, "resolution": DAY}, horizon_end=newest + 10 * DAY, threshold=0.8,
        reference_capacity=0.8, result_rows=2,
    )  # fmt: skip
    columns = {"battery_time": newest + np.array([0.0, 10 * DAY]), "soh": np.array(soh)}
    run.result_file.save("result.parquet", as_parquet(columns), save=False)
    for name, value in values.items():
        setattr(run, name, value)
    run.save()
    return run


# --- on one chart ----------------------------------------------------------------------------------------------------
def test_chosen_forecasts_stand_on_one_chart_with_what_was_estimated_since(viewer, battery):
    with_estimates(battery, capacity=0.72)
    later, earlier = forecast(battery, 200, soh=(0.8, 0.7)), forecast(battery, 100)
    page = viewer.get(f"{TAB}&beside={later.pk}&beside={earlier.pk}")
    beside = page.context["beside"]
    assert (beside.numbers, beside.complaint) == ([earlier.pk, later.pk], "")
    ticked = [run for run in (later, earlier) if f'value="{run.pk}" checked>' in page.content.decode()]
    assert ticked == [later, earlier]
    drawn = viewer.get(beside.address).json()
    assert [(line["name"], line["t"], line["y"]) for line in drawn["lines"]] == [
        (f"forecast {earlier.pk}", [100 * DAY, 110 * DAY], [90.0, 85.0]),
        (f"forecast {later.pk}", [200 * DAY, 210 * DAY], [80.0, 70.0]),
    ]
    assert drawn["thresholds"] == [80.0]
    (since,) = drawn["since"]
    assert set(since["y"]) == {90.0}  # 0.72 Ah of 0.8 Ah
    assert (since["t"][0] >= 100 * DAY, since["t"][-1]) == (True, 210 * DAY)


def test_each_is_told_with_its_score(viewer, battery):
    run, other = forecast(battery, 100), forecast(battery, 50, crossing_q50=53 * DAY)
    for horizon in (0, 1):  # (0.02 + 0.04) / (1 + 1) points
        error = 0.02 * (horizon + 1)
        ForecastScore.objects.create(
            run=run, horizon=horizon, points=1, sum_absolute=error, banded=1, inside_90=horizon
        )
    rows = viewer.get(f"{TAB}&beside={run.pk}&beside={other.pk}").context["beside"].rows
    assert [(row.crossing, row.score and (row.score.absolute, row.score.inside_90)) for row in rows] == [
        ("3 d", None), ("not in 10 d", ("3.00", "50")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "drawn", "complaint"),
    [
        (5, 4, "At most 4 are drawn; 5 were chosen."),
        (2, 2, ""),
        (1, 1, "Choose another one to compare it with."),
    ],
)
def test_at_most_four_are_drawn(viewer, battery, chosen, drawn, complaint):
    runs = [forecast(battery, 10 + day) for day in range(chosen)]
    beside = viewer.get(TAB + "".join(f"&beside={run.pk}" for run in runs)).context["beside"]
    assert (len(beside.rows), beside.complaint) == (drawn, complaint)


def test_forecasts_of_others_and_those_without_a_result_are_left_out_in_words(viewer, battery):
    other = forecast(battery_with_rows("cell 2", rows=3), 0)
    failed = forecast(battery, 10, state=RunState.FAILED)
    beside = viewer.get(f"{TAB}&beside={other.pk}&beside={failed.pk}&beside=x").context["beside"]
    assert (beside.rows, beside.complaint) == ([], "2 of the 2 chosen have no result that is kept.")
    assert viewer.get(f"{TAB}&beside=x").context["beside"] is None
    assert viewer.get(f"/charts/batteries/999/forecasts?beside={failed.pk}").status_code == 404


@pytest.mark.parametrize("chosen", [2, 4])
def test_four_forecasts_cost_the_queries_of_two(viewer, battery, django_assert_num_queries, chosen):
    runs = [forecast(battery, 10 + day) for day in range(4)]
    address = TAB + "".join(f"&beside={run.pk}" for run in runs[:chosen])
    viewer.get(address)
    with django_assert_num_queries(21):
        viewer.get(address)


# --- as it was known -------------------------------------------------------------------------------------------------
def test_what_was_known_at_a_time_is_the_forecast_of_the_newest_estimates_up_to_it(viewer, battery):
    first, second = forecast(battery, 50), forecast(battery, 100)
    shown = {at: viewer.get(f"{TAB}&asof={at * DAY}").context["run"] for at in (49, 50, 99, 100, 299)}
    assert shown == {49: None, 50: first, 99: first, 100: second, 299: second}
    assert viewer.get(TAB).context["run"] == second
    page = viewer.get(f"{TAB}&asof={49 * DAY}").content.decode()
    assert "No kept forecast was made of so little." in page


def test_the_slider_goes_from_the_first_forecast_to_the_newest_row(viewer, battery):
    forecast(battery, 50)
    known = viewer.get(f"{TAB}&asof={60 * DAY}").context["known"]
    assert (known.first, known.last, known.shown_at, known.marks) == (50 * DAY, 299 * DAY, 60 * DAY, [50 * DAY])
    page = viewer.get(f"{TAB}&asof={60 * DAY}").content.decode()
    assert f'min="{50 * DAY}" max="{299 * DAY}" step="any" value="{60 * DAY}"' in page


def test_a_time_that_cannot_be_read_shows_the_newest_and_says_so(viewer, battery):
    run = forecast(battery, 50)
    answer = viewer.get(f"{TAB}&asof=yesterday")
    assert answer.context["run"] == run
    assert "&#x27;yesterday&#x27; is no time: write seconds of test time." in answer.content.decode()


def test_a_battery_without_forecasts_has_no_slider(viewer, battery):
    assert viewer.get(TAB).context["known"] is None


def test_the_form_begins_where_the_slider_stood(client, user_with_role, battery):
    client.force_login(user_with_role("operator"))
    forecast(battery, 50)
    page = client.get(f"{TAB}&asof={60 * DAY}").content.decode()
    assert f"?tab=forecasts&amp;as_of={60 * DAY}#forecast" in page
    assert client.get(f"{TAB}&as_of={60 * DAY}").context["form"]["as_of"].value() == str(60 * DAY)
