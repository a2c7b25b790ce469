"""The panel that shows whether a filter agrees with its battery."""

import re

import pytest
from django.db import connection

from tests.rovi_site.pages import battery_with_rows, heard, with_estimates
from twin.tables import estimates_table

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own

SENTENCE = (
    "The filter is too sure: voltage is off by 12 mV where it expects 2 mV. Raise `sensor_variance` to about 1e-4 V²."
)
VERDICT = {
    "consistent": False, "cause": "noise_too_small", "sentence": SENTENCE, "mean_nis": 36.0, "newest_nis": 40.25,
    "low": 0.5, "high": 1.75, "windows_above": 7, "windows_below": 0, "windows": 9,
}  # fmt: skip


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def series(client, battery, query=""):
    answer = client.get(f"/charts/batteries/{battery.pk}/consistency{query}")
    assert answer.status_code == 200
    return answer.json()


def panel(client, name="cell 1"):
    page = client.get(f"/dashboard/{name}?tab=health").content.decode()
    found = page[page.index('id="consistency"') :]
    text = re.sub(r"<[^>]+>", "", found[: found.index("</section>")])
    return found, " ".join(text.split())


def test_innovations_come_with_the_deviation_expected_of_each_in_millivolts(viewer):
    battery = battery_with_rows("cell 1", rows=300)
    with_estimates(battery)  # each has an innovation of 0.01 V and a variance of 1e-4 V²: exactly as expected
    found = series(viewer, battery)
    assert (found["innovations"]["rows"], len(found["innovations"]["t"])) == (300, 300)
    assert set(found["innovations"]["y"]) == set(found["innovations"]["sd"]) == {10.0}
    assert found["nis"]["y"] == pytest.approx([1.0, 1.0, 1.0])  # means of 100 rows
    # 99 % of χ² with 100 degrees of freedom, over 100: nothing is known yet of how errors repeat
    assert found["band"] == pytest.approx([0.673, 1.402], abs=0.001)


def test_the_band_is_that_of_the_newest_window(viewer):
    battery = battery_with_rows("cell 1", rows=5)
    with_estimates(battery, verdict=VERDICT)
    assert series(viewer, battery)["band"] == [0.5, 1.75]


def test_a_range_is_respected(viewer):
    battery = battery_with_rows("cell 1", rows=300)
    with_estimates(battery)
    assert series(viewer, battery, "?from=100&to=190")["innovations"]["t"] == [100.0 + 10 * k for k in range(10)]


def test_many_are_thinned_so_that_what_stands_out_stays(viewer):
    battery = battery_with_rows("cell 1", rows=5000)
    with_estimates(battery)
    estimator = battery.estimators.get()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {estimates_table(estimator.pk)} SET innovation = -0.5 WHERE row_id = 3001")
    found = series(viewer, battery)["innovations"]
    assert (found["rows"], min(found["y"])) == (5000, -500.0)
    assert 1000 < len(found["t"]) <= 2000


@pytest.mark.parametrize("stepped", [False, True])
def test_without_predictions_it_says_so(viewer, stepped):
    battery = battery_with_rows("cell 1", rows=5)
    if stepped:
        with_estimates(battery)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {estimates_table(battery.estimators.get().pk)} SET innovation_variance = NULL")
    said = "This estimator predicted no voltage in this range." if stepped else "No estimates in this range."
    assert series(viewer, battery) == {"empty": said}


def test_the_panel_says_what_to_do_and_where(viewer, client, user_with_role):
    battery = battery_with_rows("cell 1", rows=5)
    heard(battery, 1.0)
    estimator = with_estimates(battery, is_inconsistent=True, verdict=VERDICT)
    found, text = panel(viewer)
    assert "Inconsistent" in text
    assert SENTENCE.replace("`", "") in text
    assert "<code>sensor_variance</code>" in found
    assert "NIS, newest 100 rows 40.25 its 99 % band 0.50 to 1.75 above the band 7 of 9 windows" in text
    assert f"/admin/twin/estimator/{estimator.pk}/change/" in found
    assert "?from=" not in found  # a viewer cannot register
    client.force_login(user_with_role("engineer"))
    assert f"/admin/twin/estimator/add/?from={estimator.pk}" in panel(client)[0]


@pytest.mark.parametrize(
    ("verdict", "word", "tone"),
    [
        (None, "Not judged yet", "idle"),
        (VERDICT | {"consistent": True, "cause": None}, "Consistent", "ok"),
        (VERDICT | {"cause": "noise_too_large"}, "Cautious", "idle"),
        (VERDICT | {"cause": "model_too_simple"}, "Narrow bands", "idle"),
    ],
)
def test_only_an_inconsistent_filter_looks_like_an_alarm(viewer, verdict, word, tone):
    battery = battery_with_rows("cell 1", rows=5)
    heard(battery, 1.0)
    with_estimates(battery, verdict=verdict)
    found, text = panel(viewer)
    assert word in text
    assert f'class="badge tone-{tone}"' in found
    assert "Inconsistent" not in viewer.get("/").content.decode()


def test_a_battery_that_is_not_there_is_not_found(viewer, client):
    assert viewer.get("/charts/batteries/999/consistency").status_code == 404
    client.logout()
    assert client.get("/charts/batteries/999/consistency").status_code == 302


@pytest.mark.parametrize("tab", ["overview", "health"])
def test_both_tabs_with_charts_of_health_draw_it(viewer, tab):
    battery = battery_with_rows("cell 1", rows=5)
    with_estimates(battery)
    page = viewer.get(f"/dashboard/cell 1?tab={tab}").content.decode()
    assert f'data-series="/charts/batteries/{battery.pk}/consistency"' in page
