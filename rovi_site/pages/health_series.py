"""What the charts of health draw: estimates with their deviations, and how often the truth lies inside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from struct import unpack
from typing import Any

from django.db import connection

from datahub.models import Battery
from prognosis.forecasting.quantiles import is_part_of_band
from prognosis.models import ForecastRun
from prognosis.queries import CAPACITY_STATES, history_used_by, state_column
from prognosis.tables import select_spread
from rovi_site import tables
from rovi_site.pages.gaps import finite, with_gaps
from rovi_site.pages.health import Health
from rovi_site.pages.quantities import quantity_of
from rovi_site.pages.ranges import TimeRange
from rovi_site.pages.sparklines import Spark, spark
from twin.health import DEVIATIONS_OF_BAND
from twin.queries import EstimateBlock, current_estimator, estimates, packed_place
from twin.tables import columns_of

POINTS = 2000
MOST_NEW = 2000
SPARK_POINTS = 32
POINTS_SINCE = 300
COVERAGE_POINTS = 5000
DRAWN = ("soc", "q_t", "r0")
SCALES = {"soc": 100.0, "q_t": 1.0, "r0": 1000.0}


def estimates_series(health: Health, shown: TimeRange) -> tuple[dict[str, Any] | None, int]:
    """Means and deviations in shown units over the range, at most 2,000 points, and the row id they go up to."""
    progress = health.estimator.progress
    if not progress.rows_stepped:
        return None, 0
    end = math.nextafter(shown.end, math.inf)
    block = estimates(health.estimator, start=shown.start, end=end, points=POINTS)
    if not len(block):
        return None, progress.cursor
    return series_of_block(block, progress.state_names), int(block.row_ids[-1])


def estimates_after(health: Health, after_row: int) -> tuple[dict[str, Any] | None, int] | None:
    """The same for estimates of rows after `after_row`; None where there are too many to add one by one."""
    progress = health.estimator.progress
    if not progress.rows_stepped:
        return None, after_row
    block = estimates(health.estimator, after_row=after_row, limit=MOST_NEW + 1)
    if len(block) > MOST_NEW:
        return None
    if not len(block):
        return None, after_row
    return series_of_block(block, progress.state_names, gaps=False), int(block.row_ids[-1])


def series_of_block(block: EstimateBlock, names: Sequence[str], gaps: bool = True) -> dict[str, Any]:
    """By quantity: t, mean, sd. SOC stops where rows stop; health does not, for it hardly changes meanwhile."""
    series: dict[str, Any] = {}
    times = block.test_time.tolist()
    deviations = block.standard_deviations
    for place, name in enumerate(names):
        key = name.split(".")[0].split("[")[0]
        if key not in DRAWN or key in series:
            continue
        columns = [(values[:, place] * SCALES[key]).tolist() for values in (block.means, deviations)]
        t, mean, sd = with_gaps(times, *columns) if gaps and key == "soc" else [times, *columns]
        series[key] = {"t": t, "mean": mean, "sd": sd}
    return series


def coverage(health: Health, battery: Battery) -> dict[str, dict[str, Any]] | None:
    """How often the truth lies in the 95 % band, over at most 5,000 estimates spread over the whole record."""
    names = list(health.estimator.progress.state_names)
    keys = [name.split(".")[0] for name in names]
    places = {key: keys.index(key) for key in DRAWN if key in keys}
    if not places:
        return None
    columns = columns_of(names)
    every = max(1, math.ceil(health.estimator.progress.rows_seen / COVERAGE_POINTS))
    rows = tables.select_with_truth(
        connection, health.estimator_id, battery.pk, [columns[place] for place in places.values()], every
    )
    if not rows:
        return None
    found = {}
    for number, (key, place) in enumerate(places.items()):
        diagonal = packed_place(place, place, len(names))
        truth = DRAWN.index(key)
        inside = sum(
            abs(row[4 + number] - row[truth]) <= DEVIATIONS_OF_BAND * math.sqrt(unpack_one(row[3], diagonal))
            for row in rows
        )
        found[key] = {"percent": f"{100 * inside / len(rows):.1f}", "n": len(rows)}
    return found


def unpack_one(packed: Any, place: int) -> float:
    value: float = unpack("<d", bytes(packed)[8 * place : 8 * place + 8])[0]
    return max(value, 0.0)


def sparks_of(healths: Iterable[Health]) -> dict[int, Spark]:
    """Capacity over the whole record by battery id; one statement for a page of batteries."""
    picks: dict[int, tuple[str, list[int]]] = {}
    known = {}
    for health in healths:
        names = list(health.estimator.progress.state_names)
        place = next((i for i, name in enumerate(names) if name.split(".")[0] == "q_t"), None)
        cursor = health.estimator.progress.cursor
        if place is None or not health.estimator.progress.rows_stepped:
            continue
        rows = sorted({max(1, round(cursor * part / SPARK_POINTS)) for part in range(1, SPARK_POINTS + 1)})
        picks[health.estimator_id] = (columns_of(names)[place], rows)
        known[health.estimator_id] = (health, packed_place(place, place, len(names)))
    values: dict[int, tuple[list[float], list[float]]] = {}
    for estimator_id, _time, _row, value, covariance in tables.select_of_many(connection, picks):
        means, deviations = values.setdefault(estimator_id, ([], []))
        means.append(value)
        deviations.append(math.sqrt(unpack_one(covariance, known[estimator_id][1])))
    sparks = {}
    for estimator_id, (means, deviations) in values.items():
        drawn = spark(means, deviations, "Ah", 3)
        if drawn is not None:
            sparks[known[estimator_id][0].estimator.battery_id] = drawn
    return sparks


def since_lines(run: ForecastRun) -> list[dict[str, Any]]:
    """What has been estimated since a forecast was made, to stand over its lines."""
    estimator = current_estimator(run.battery)
    if estimator is None or run.newest_estimate is None or run.state != "done":
        return []
    column = state_column(estimator, CAPACITY_STATES)
    latest = estimator.progress.latest_time
    end = min(run.horizon_end if run.horizon_end is not None else math.inf, latest or 0.0)
    if column is None or end <= run.newest_estimate:
        return []
    rows = select_spread(connection, estimator.pk, [column], run.newest_estimate, end, POINTS_SINCE)
    times, capacity = [row[0] for row in rows], [row[1] for row in rows]
    lines = [{"name": "Capacity", "unit": "Ah", "t": times, "y": finite(capacity)}]
    if run.reference_capacity:
        lines.append(
            {"name": "SOH", "unit": "%", "t": times, "y": [100 * v / run.reference_capacity for v in capacity]}
        )
    return lines


def past_lines(run: ForecastRun) -> list[dict[str, Any]]:
    """The estimates that a forecast was made from, to stand before its lines."""
    history = history_used_by(run)
    times = history.get("test_time")
    if times is None:
        return []
    step = max(1, math.ceil(len(times) / POINTS))
    lines = []
    for name, column in history.items():
        quantity = quantity_of(name)
        if name == "test_time" or not quantity.unit or is_part_of_band(name, history):
            continue
        y = finite((column[::step] * quantity.scale).tolist())
        lines.append({"key": name, "name": quantity.title, "unit": quantity.unit, "t": times[::step].tolist(), "y": y})
    return lines
