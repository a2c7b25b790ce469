"""Compared loads: what a script answers may be unknown in places, and the loads may look ahead unequally far."""

import numpy as np
import pytest
from django.urls import reverse

from prognosis.models import Comparison, ForecastRun, RunState
from prognosis.storage import as_parquet
from tests.rovi_site.pages import battery_with_rows

pytestmark = pytest.mark.django_db

DAY = 86_400.0
NEWEST = 100.0


@pytest.fixture
def comparison():
    return Comparison.objects.create(battery=battery_with_rows("cell 1", rows=3), threshold=0.8)


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def add_load(comparison, days: list[float], soh: list[float], crossing_day: float | None = None) -> None:
    """A load whose forecast is done: SOH at these days ahead."""
    place = comparison.runs.count()
    run = ForecastRun(
        battery=comparison.battery, comparison=comparison, place=place, label=f"load {place}", state=RunState.DONE,
        load={"ahead_time": days[-1] * DAY, "resolution": DAY}, newest_estimate=NEWEST,
        horizon_end=NEWEST + days[-1] * DAY, crossing_q50=None if crossing_day is None else NEWEST + crossing_day * DAY,
    )  # fmt: skip
    columns = {"battery_time": NEWEST + DAY * np.array(days), "soh": np.array(soh)}
    run.result_file.save("result.parquet", as_parquet(columns), save=False)
    run.save()


def test_what_is_not_finite_is_a_gap(viewer, comparison):
    add_load(comparison, [0.0, 1.0, 2.0], [0.9, float("nan"), 0.8])
    (line,) = viewer.get(reverse("comparison-series", args=[comparison.pk])).json()["lines"]
    assert line["y"] == [90.0, None, 80.0]


def rows_of(viewer, comparison):
    context = viewer.get(reverse("comparison", args=[comparison.pk])).context
    return context["at"], [(row.difference, row.soh_at_end, row.soh_difference) for row in context["rows"]]


def test_loads_are_compared_within_the_shortest_horizon(viewer, comparison):
    # All that is known of the second load on day 1 is said of day 1: 0.92 against 0.95.
    add_load(comparison, [0.0, 2.0], [1.0, 0.9])
    add_load(comparison, [0.0, 1.0], [1.0, 0.92])
    assert rows_of(viewer, comparison) == ("after 24 h", [("", "95.0", ""), ("", "92.0", "−3.0")])


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ((9, 3), (9, 5), "2 d later"),
        ((9, 3), (9, None), "later"),
        ((9, 3), (2, None), ""),  # whether it comes between days 2 and 3 is not known
        ((9, None), (9, 3), "sooner"),
        ((2, None), (9, 3), ""),
        ((9, None), (9, None), ""),
    ],
)
def test_a_crossing_beyond_the_horizon_is_later_than_what_lies_within(viewer, comparison, first, second, words):
    for days, crossing in (first, second):
        add_load(comparison, [0.0, days], [1.0, 0.9], crossing)
    assert rows_of(viewer, comparison)[1][1][0] == words
