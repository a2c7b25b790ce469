"""A forecast's page and chart, from whatever columns a forecaster answered."""

import numpy as np
import pytest

from prognosis.models import Comparison, ForecastRun, RunState
from prognosis.storage import as_parquet
from rovi_site.pages.forecasts import forecast_lines, headline
from rovi_site.pages.health_series import past_lines
from tests.rovi_site.pages import battery_with_rows

pytestmark = pytest.mark.django_db

DAY = 86_400.0


def parquet(columns: dict[str, list[float]]):
    return as_parquet({name: np.array(values, dtype=float) for name, values in columns.items()})


def run_with(battery, load: dict[str, list[float]], answer: dict[str, list[float]]) -> ForecastRun:
    times = load["test_time"]
    run = ForecastRun(
        battery=battery, load={"ahead_time": times[-1] + DAY, "resolution": DAY}, state=RunState.DONE, seconds=1.25,
        forecaster_name="fade", forecaster_version=2, result_rows=len(times), history_rows=10,
    )  # fmt: skip
    run.load_file.save("load.parquet", parquet(load), save=False)
    run.result_file.save("result.parquet", parquet({**load, **answer}), save=False)
    run.save()
    return run


@pytest.fixture
def battery():
    return battery_with_rows("cell 1", rows=3)


@pytest.fixture
def page_as(client, user_with_role):
    def make(role: str):
        client.force_login(user_with_role(role))
        return client

    return make


LOAD = {
    "test_time": [0.0, DAY, 2 * DAY],
    "battery_time": [100.0, 100 + DAY, 100 + 2 * DAY],
    "current": [-1.0, -1.0, -1.0],
}


def test_lower_and_upper_are_a_band_and_stand_in_shown_units(battery):
    run = run_with(battery, LOAD, {"soh": [0.9, 0.89, 0.88], "soh_lower": [0.88] * 3, "soh_upper": [0.92] * 3})
    drawn = forecast_lines(run)
    (line,) = drawn["lines"]
    assert (line["title"], line["t"]) == ("SOH, %", LOAD["battery_time"])
    assert line["y"] == pytest.approx([90.0, 89.0, 88.0])
    assert (line["lower"], line["upper"]) == (pytest.approx([88.0] * 3), pytest.approx([92.0] * 3))
    assert [each["title"] for each in drawn["load"]] == ["Current, A, + charging"]


def test_a_deviation_becomes_a_band_of_95_percent(battery):
    run = run_with(battery, LOAD, {"r0__base_values": [0.04] * 3, "r0__base_values_std": [0.001] * 3})
    (line,) = forecast_lines(run)["lines"]
    assert line["upper"] == pytest.approx([40 + 1.96] * 3)
    assert line["lower"] == pytest.approx([40 - 1.96] * 3)


def test_a_column_that_ends_like_a_band_and_has_no_middle_is_a_line(battery):
    run = run_with(battery, LOAD, {"noise_std": [1.0, 2.0, 3.0]})
    assert [line["key"] for line in forecast_lines(run)["lines"]] == ["noise_std"]


def test_more_columns_than_can_be_drawn_are_named(battery):
    run = run_with(battery, LOAD, {f"c{i}": [1.0] * 3 for i in range(6)})
    drawn = forecast_lines(run)
    assert (len(drawn["lines"]), drawn["left_out"]) == (4, ["c4", "c5"])


def test_a_million_points_are_thinned_to_two_thousand_with_both_ends(battery):
    times = (np.arange(100_000) * 60.0).tolist()
    run = run_with(battery, {"test_time": times}, {"soh": np.linspace(1, 0.9, 100_000).tolist()})
    (line,) = forecast_lines(run)["lines"]
    assert (len(line["t"]), line["t"][0], line["t"][-1]) == (2000, 0.0, times[-1])


def test_what_is_not_finite_is_a_gap(battery):
    run = run_with(battery, LOAD, {"soh": [0.9, float("nan"), 0.8]})
    assert forecast_lines(run)["lines"][0]["y"][1] is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"soh": [0.9, 0.81, 0.79]}, "Falls below an SOH of 80 % in 2 d."),
        ({"soh": [0.9, 0.85, 0.81]}, "Stays above an SOH of 80 % for the 2.0 d of the forecast."),
        ({"q_t__base_values": [2.0, 1.5, 1.0]}, "Falls below 80 % of today's capacity in 1 d."),
        ({"temperature": [20.0, 21.0, 22.0]}, ""),
    ],
)
def test_the_headline_tells_when_80_percent_is_crossed(battery, answer, sentence):
    assert headline(run_with(battery, LOAD, answer)) == sentence


def test_the_page_tells_what_it_was_made_from_and_its_numbers_without_a_chart(page_as, battery):
    run = run_with(battery, LOAD, {"soh": [0.9, 0.85, 0.81]})
    page = page_as("viewer").get(f"/forecasts/{run.pk}").content.decode()
    for text in ("fade v2", "10 estimates up to", "Done in 1.2 s.", '<td class="number">0.85</td>'):
        assert text in page
    assert "Run again" not in page


def test_the_chart_of_a_forecast_goes_on_where_the_estimates_end(page_as, battery):
    run = run_with(battery, LOAD, {"soh": [0.9, 0.85, 0.81]})
    run.history_file.save("history.parquet", parquet({"test_time": [0.0, 100.0], "soh": [0.95, 0.9]}))
    found = page_as("viewer").get(f"/charts/forecasts/{run.pk}").json()
    assert [(line["name"], line["t"], line["y"]) for line in found["past"]] == [("SOH", [0.0, 100.0], [95.0, 90.0])]
    assert found["lines"][0]["t"][0] == 100.0


def test_a_failed_forecast_shows_its_error_and_line(page_as, battery):
    run = ForecastRun.objects.create(
        battery=battery, load={"ahead_time": 10.0, "resolution": 1.0}, state=RunState.FAILED, error="KeyError: <q>",
        traceback="Traceback …", error_line=7,
    )  # fmt: skip
    page = page_as("viewer").get(f"/forecasts/{run.pk}").content.decode()
    assert "KeyError: &lt;q&gt;" in page
    assert "<summary>Traceback, line 7</summary>" in page


def test_a_forecast_that_is_not_there_is_a_page_with_a_way_on(page_as):
    answer = page_as("viewer").get("/forecasts/999")
    assert (answer.status_code, "There is no forecast 999." in answer.content.decode()) == (404, True)


def test_past_forecasts_are_listed_and_one_can_be_chosen(page_as, battery):
    first, second = (run_with(battery, LOAD, {"soh": [0.9, 0.85, value]}) for value in (0.81, 0.82))
    client = page_as("viewer")
    newest = client.get("/dashboard/cell%201?tab=forecasts")
    assert [row.run for row in newest.context["runs"]] == [second, first]
    assert newest.context["run"] == second
    assert client.get(f"/dashboard/cell%201?tab=forecasts&run={first.pk}").context["run"] == first


def test_seconds_of_a_long_record_are_shown_in_full(page_as, battery):
    answer = {"soh": [0.9, 0.85, 0.81], "battery_time": [13092454.5, 13092464.5, 13092474.5]}
    run = run_with(battery, LOAD, answer)
    assert '<td class="number">13092464.5</td>' in page_as("viewer").get(f"/forecasts/{run.pk}").content.decode()


def test_a_deviation_in_the_history_is_no_capacity(battery):
    run = run_with(battery, LOAD, {"soh": [0.9, 0.89, 0.88]})
    past = {"test_time": [0.0, 1.0], "q_t__base_values": [3.0, 2.9], "q_t__base_values_std": [0.01, 0.01]}
    run.history_file.save("history.parquet", parquet(past), save=False)
    assert [line["key"] for line in past_lines(run)] == ["q_t__base_values"]


def test_the_chart_of_a_battery_leaves_out_the_loads_of_a_comparison(page_as, battery):
    usual = run_with(battery, LOAD, {"q_t__base_values": [1.0, 0.9, 0.8]})
    asked = run_with(battery, LOAD, {"q_t__base_values": [1.0, 0.5, 0.4]})
    asked.comparison = Comparison.objects.create(battery=battery, threshold=0.8)
    asked.save()
    shown = page_as("viewer").get(f"/charts/batteries/{battery.pk}").json()["forecast"]
    assert [line["run"] for line in shown] == [usual.pk]
