"""A battery's page and the series of its charts."""

import gzip
import json

import pytest

from datahub.ingest import store_records
from datahub.models import Battery
from tests.rovi_site.pages import battery_with_rows, heard, with_estimates, with_truth
from twin.models import Estimator

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def series(client, battery: Battery, query: str = "") -> dict:
    answer = client.get(f"/charts/batteries/{battery.pk}{query}")
    assert answer.status_code == 200
    return answer.json()


def test_series_go_packed_to_who_can_unpack_them_and_with_no_more_digits_than_one_sees(viewer):
    battery = battery_with_rows("cell 1", rows=500)
    store_records(battery.name, [{"test_time": 1e7 + 1 / 3, "voltage": 10 / 3, "current": 0.0, "temperature": 25.0}])
    answer = viewer.get(f"/charts/batteries/{battery.pk}", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    text = gzip.decompress(answer.content)
    assert len(answer.content) < len(text) / 4
    voltage = json.loads(text)["rows"]["lines"][0]
    assert (voltage["t"][-1], voltage["y"][-1]) == (10_000_000.333, 3.333333)


def test_tiles_tell_number_band_unit_and_reference(viewer):
    battery = battery_with_rows("cell 1")
    heard(battery, 1.0)
    with_estimates(battery)
    page = viewer.get("/dashboard/cell%201").content.decode()
    for text in ("50.0", "±2.0", "95.00", "±0.98", "95 % band, of 0.80 Ah nominal", "40.00", "−0.50", "discharging"):
        assert text in page


def test_stale_numbers_say_so_in_place_of_their_note(viewer):
    battery = battery_with_rows("cell 1")
    with_estimates(battery)
    heard(battery, 11_520.0)
    page = viewer.get("/dashboard/cell%201").content.decode()
    assert page.count("Stale · 3 h 12 min") == 6
    assert "discharging" not in page


@pytest.mark.parametrize("name", ["a/b", "α β", "100 % ?&=#", "x" * 255, "ends/"])
def test_any_name_has_a_page(viewer, name):
    from urllib.parse import quote

    battery_with_rows(name, rows=3)
    answer = viewer.get("/dashboard/" + quote(name, safe="/"))
    assert answer.status_code == 200
    assert answer.context["battery"].name == name


def test_an_unknown_name_leads_to_names_like_it(viewer):
    battery_with_rows("module 7", rows=2)
    answer = viewer.get("/dashboard/modul%207")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is no battery &#x27;modul 7&#x27;." in page
    assert '<a href="/dashboard/module%207">module 7</a>' in page


@pytest.mark.parametrize("tab", ["overview", "health", "data", "forecasts", "about", "nonsense"])
@pytest.mark.parametrize("with_rows", [True, False])
def test_every_tab_opens_with_and_without_data(viewer, tab, with_rows):
    if with_rows:
        with_estimates(battery_with_rows("cell 1"))
    else:
        Battery.objects.create(name="cell 1")
    answer = viewer.get(f"/dashboard/cell%201?tab={tab}")
    assert answer.status_code == 200
    assert answer.context["tab"] == ("overview" if tab == "nonsense" else tab)


def test_a_battery_without_rows_says_how_to_send_some_and_draws_no_axes(viewer):
    Battery.objects.create(name="cell 1")
    page = viewer.get("/dashboard/cell%201").content.decode()
    assert "No rows yet." in page
    assert "/db/upload/cell 1" in page
    assert 'id="chart-rows"' not in page


def test_a_battery_without_an_estimator_leads_an_engineer_to_the_form_with_its_name(client, user_with_role):
    client.force_login(user_with_role("engineer"))
    battery_with_rows("module 7/α", rows=2)
    page = client.get("/dashboard/module%207/%CE%B1").content.decode()
    assert '<a href="/admin/twin/estimator/add/?battery=module%207%2F%CE%B1">Add estimator</a>' in page
    form = client.get("/admin/twin/estimator/add/?battery=module%207%2F%CE%B1").context["adminform"].form
    assert form.initial["battery_name"] == "module 7/α"


def test_the_error_of_a_twin_is_shown_with_its_traceback(viewer):
    with_estimates(battery_with_rows("cell 1"))
    Estimator.objects.update(
        state="failed", last_error="Stopped: <b>nan</b>", traceback="Traceback: line 41", error_line=41
    )
    page = viewer.get("/dashboard/cell%201").content.decode()
    assert "Stopped: &lt;b&gt;nan&lt;/b&gt;" in page
    assert "<summary>Traceback, line 41</summary><pre>Traceback: line 41</pre>" in page


def test_the_newest_measured_row_is_shown_though_a_late_one_came_after_it(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    store_records("cell 1", [{"test_time": 1.0, "voltage": 2.5, "current": 9.0, "temperature": 60.0}])
    heard(battery, 1.0)
    page = viewer.get("/dashboard/cell%201").content.decode()
    assert "3.604" in page
    assert '<span class="value">2.500' not in page
    assert "1 late" in page


# --- series ----------------------------------------------------------------------------------------------------------
def test_a_series_holds_every_row_where_they_are_few(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    found = series(viewer, battery)
    lines = {line["key"]: line for line in found["rows"]["lines"]}
    assert list(lines) == ["voltage", "current", "temperature"]
    assert lines["voltage"]["t"] == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert lines["voltage"]["y"] == pytest.approx([3.6, 3.601, 3.602, 3.603, 3.604])
    assert lines["current"]["title"] == "Current, A, + charging"
    assert (found["rows"]["rows"], found["rows"]["shown"], found["after"]) == (
        5, 5, {"rows": 5, "estimates": 0, "series": "none"},
    )  # fmt: skip


def test_many_rows_are_thinned_and_counted(viewer):
    battery = battery_with_rows("cell 1", rows=6000)
    found = series(viewer, battery)["rows"]
    assert all(len(line["t"]) <= 2000 for line in found["lines"])
    assert (found["rows"], found["shown"]) == (6000, 2000)


def test_a_gap_is_left_open(viewer):
    battery = battery_with_rows("cell 1", rows=10)
    store_records("cell 1", [{"test_time": 500.0 + 10 * i, "voltage": 3.7, "current": 0.0} for i in range(5)])
    line = series(viewer, Battery.objects.get(pk=battery.pk))["rows"]["lines"][0]
    place = line["t"].index(90.0)
    assert line["t"][place + 1 : place + 3] == [295.0, 500.0]
    assert line["y"][place + 1] is None


def test_a_range_counts_from_the_newest_row(viewer):
    battery = battery_with_rows("cell 1", rows=300)
    found = series(viewer, battery, "?from=end-15min")
    assert found["range"] == {"start": 2090.0, "end": 2990.0, "follows": True, "words": "15 min"}
    assert found["rows"]["rows"] == 91  # both ends belong to it


def test_a_range_that_cannot_be_read_shows_all_and_says_why(viewer):
    battery_with_rows("cell 1", rows=3)
    page = viewer.get("/dashboard/cell%201?from=yesterday").content.decode()
    assert "&#x27;yesterday&#x27; is no time: write seconds of test time" in page


def test_an_empty_range_tells_where_the_newest_row_is(viewer):
    battery = battery_with_rows("cell 1", rows=3)
    assert series(viewer, battery, "?from=5000&to=6000")["empty"] == "No rows in this range. The newest is at t = 20 s."


def test_only_what_is_new_is_sent_after_a_cursor(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    store_records("cell 1", [{"test_time": 50.0, "voltage": 3.9, "current": 0.1, "temperature": 25.0}])
    found = series(viewer, battery, "?after=5&after_estimate=0")
    assert [(line["t"], line["y"]) for line in found["rows"]["lines"][:1]] == [([50.0], [3.9])]
    assert found["after"]["rows"] == 6


def test_a_late_row_makes_the_page_draw_anew(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    store_records("cell 1", [{"test_time": 15.0, "voltage": 3.9, "current": 0.1, "temperature": 25.0}])
    assert series(viewer, battery, "?after=5")["reload"] is True


def test_estimates_come_with_their_deviations_in_shown_units(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    with_estimates(battery)
    health = series(viewer, battery)["health"]
    assert health["soc"]["t"] == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert health["soc"]["mean"] == pytest.approx([50.0] * 5)
    assert health["soc"]["sd"] == pytest.approx([1.0] * 5)
    assert health["q_t"]["mean"] == pytest.approx([0.76] * 5)
    assert health["r0"]["mean"] == pytest.approx([40.0] * 5)
    assert health["r0"]["sd"] == pytest.approx([0.5] * 5)


def test_the_share_of_the_truth_inside_the_band_is_told(viewer):
    battery = battery_with_rows("cell 1", rows=50)
    with_estimates(battery)
    # 1.96 deviations: 0.0196 of SOC, 0.00784 Ah, 0.00098 ohm
    with_truth(battery, soc=0.5195, capacity=0.7679, r0=0.04)
    coverage = series(viewer, battery)["coverage"]
    assert coverage == {
        "soc": {"percent": "100.0", "n": 50},
        "q_t": {"percent": "0.0", "n": 50},
        "r0": {"percent": "100.0", "n": 50},
    }


def test_the_truth_is_drawn_beside_the_estimate_of_a_simulated_battery_alone(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    assert series(viewer, battery)["truth"] is None
    with_truth(battery, soc=0.5, capacity=0.75, r0=0.041)
    truth = series(viewer, battery)["truth"]
    assert truth["soc"]["mean"] == pytest.approx([50.0] * 5)
    assert truth["r0"]["mean"] == pytest.approx([41.0] * 5)


def test_series_are_for_viewers(client):
    battery = battery_with_rows("cell 1", rows=2)
    assert client.get(f"/charts/batteries/{battery.pk}").status_code == 302


# --- forecasts -------------------------------------------------------------------------------------------------------
def test_a_viewer_may_not_ask_for_a_forecast(viewer):
    battery_with_rows("cell 1", rows=2)
    answer = viewer.post("/dashboard/cell%201", {"battery": "cell 1", "ahead": "1", "ahead_unit": "y"})
    assert answer.status_code == 403
    assert "Forecasting needs the role operator" in answer.content.decode()
