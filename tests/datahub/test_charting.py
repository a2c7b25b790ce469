"""A chart keeps every peak in few points, however many rows there are, and rows that came late are on it."""

import numpy as np
import pytest
from django.db import connection

from datahub.charting import drawing, summarising, tables
from datahub.charting.drawing import chart_of
from datahub.charting.summarising import Summarising, summarise_more
from datahub.errors import NoSuchColumn
from datahub.ingest import store_columns, store_records
from datahub.models import Battery
from datahub.queries import battery_named, chart

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROWS = 20_000
PEAK = 12_345


@pytest.fixture(autouse=True)
def few_rows_are_many(monkeypatch):
    monkeypatch.setattr(drawing, "RAW_ROWS", 100)


def long_battery(rows: int = ROWS, **more) -> Battery:
    voltage = [3.7] * rows
    voltage[PEAK] = 4.5
    columns = {"test_time": [float(t) for t in range(rows)], "voltage": voltage, "state": ["x"] * rows, **more}
    store_columns("long", columns)
    return battery_named("long")


def with_blocks(battery: Battery) -> Battery:
    while summarise_more(battery.pk):
        pass
    return battery


def blocks(battery: Battery, column: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT block, rows, first_time, last_time, least, greatest FROM blocks_{battery.pk} "
            "WHERE name = %s ORDER BY block",
            [column],
        )
        return cursor.fetchall()


def extremes(battery: Battery, column: str, start: float, end: float, parts: int) -> list[tuple[int, float, float]]:
    """What a chart must draw, from the rows themselves."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT test_time, "{column}" FROM rows_{battery.pk} WHERE test_time >= %s AND test_time < %s '
            f'AND "{column}" IS NOT NULL',
            [start, end],
        )
        times, values = np.array(cursor.fetchall(), dtype=float).T
    least, greatest = times.min(), times.max()
    part = np.minimum(((times - least) * (parts / (greatest - least))).astype(int), parts - 1)
    return [(int(p), values[part == p].min(), values[part == p].max()) for p in np.unique(part)]


def drawn(battery: Battery, column: str, start: float, end: float, parts: int) -> list[tuple[int, float, float]]:
    line = chart_of(battery, [column], start, end, 2 * parts).lines[column]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT MIN(test_time), MAX(test_time) FROM rows_{battery.pk} WHERE test_time >= %s AND test_time < %s",
            [start, end],
        )
        least, greatest = cursor.fetchone()
    places = [int((time - least) / (greatest - least) * parts) for time in line.test_time[::2]]
    return list(zip(places, line.values[::2], line.values[1::2], strict=True))


@pytest.mark.parametrize("way", ["thinned", "rows", "blocks"])
def test_a_chart_keeps_a_single_peak_and_few_points(way, monkeypatch):
    monkeypatch.setattr(drawing, "RAW_ROWS", 1_000_000 if way == "thinned" else 100)
    battery = long_battery()
    if way == "blocks":
        with_blocks(battery)
    found = chart(battery, ["voltage"], points=200)
    line = found.lines["voltage"]
    assert found.rows == ROWS
    assert len(line.values) == len(line.test_time) <= 202
    assert max(line.values) == 4.5
    assert line.test_time[line.values.index(4.5)] == pytest.approx(PEAK, abs=ROWS / 100)


@pytest.mark.parametrize("window", [(0.0, 1e9), (500.0, 19_000.0), (12_300.5, 12_700.0), (-5.0, 600.0)])
@pytest.mark.parametrize("parts", [3, 40, 100])
def test_blocks_draw_the_extremes_of_parts_as_long_as_blocks_or_shorter(window, parts):
    battery = long_battery(noise=np.random.default_rng(0).normal(size=ROWS).tolist())
    of_rows = chart_of(battery, ["noise"], *window, 2 * parts)
    of_blocks = chart_of(with_blocks(battery), ["noise"], *window, 2 * parts)
    wanted = extremes(battery, "noise", *window, parts)
    assert drawn_from(of_rows) == [(low, high) for _, low, high in wanted]
    assert of_blocks.rows == of_rows.rows
    assert min(of_blocks.lines["noise"].values) == min(of_rows.lines["noise"].values)
    assert max(of_blocks.lines["noise"].values) == max(of_rows.lines["noise"].values)
    if parts == 100:  # a part is shorter than a block, so that every point comes from rows
        assert drawn(battery, "noise", *window, parts) == wanted


def drawn_from(found) -> list[tuple[float, float]]:
    values = found.lines["noise"].values
    return list(zip(values[::2], values[1::2], strict=True))


def test_rows_that_come_late_are_on_the_chart_at_their_time():
    battery = with_blocks(long_battery())
    store_columns("long", {"test_time": [700.25, 5000.25], "voltage": [1.0, 9.0]})
    store_columns("long", {"test_time": [20_000.0 + t for t in range(2000)], "voltage": [3.7] * 2000})
    battery = with_blocks(battery_named("long"))
    assert (blocks(battery, "voltage")[77][2:4]) == (700.25, 20_220.0)  # the late ones lie in block 78 with later rows
    found = chart_of(battery, ["voltage"], None, None, 200)
    line = found.lines["voltage"]
    assert found.rows == 22_002
    assert line.test_time[line.values.index(1.0)] == pytest.approx(700, abs=220)
    assert line.test_time[line.values.index(9.0)] == pytest.approx(5000, abs=220)
    assert chart_of(battery, ["voltage"], 600.0, 900.0, 20).rows == 301


def test_rows_that_no_worker_has_summed_up_are_on_the_chart_too():
    with_blocks(long_battery())
    store_columns("long", {"test_time": [30_000.0], "voltage": [8.0]})
    found = chart_of(battery_named("long"), ["voltage"], None, None, 200)
    assert (found.rows, found.lines["voltage"].values[-1]) == (20_001, 8.0)


def test_a_full_block_has_the_extremes_of_its_rows_and_nothing_without_a_time():
    count = 3 * tables.ROWS_A_BLOCK
    records = [
        {"test_time": None if t == 300 else float(t), "a": float(-t), "on": t % 2 == 0, "n": t} for t in range(count)
    ]
    store_records("b", records)
    battery = with_blocks(battery_named("b"))
    # Row ids begin at 1, so that the first block has a row less and the last is not full yet but for its last row.
    # The first is not whole, as if a row of it had been deleted: it is not kept.
    assert blocks(battery, "a") == [(1, 255, 255.0, 510.0, -510.0, -255.0), (2, 256, 511.0, 766.0, -766.0, -511.0)]
    assert blocks(battery, "on")[0] == (1, 255, 255.0, 510.0, 0.0, 1.0)
    assert blocks(battery, "test_time")[0][:4] == (1, 255, 255.0, 510.0)


def test_a_stretch_without_any_time_does_not_stop_the_blocks(monkeypatch):
    monkeypatch.setattr(summarising, "BLOCKS_A_TURN", 2)
    store_records("b", [{"n": n} for n in range(3 * tables.ROWS_A_BLOCK)])
    store_columns("b", {"test_time": [float(t) for t in range(600)], "n": list(range(600))})
    battery = with_blocks(battery_named("b"))
    assert [block for block, *_ in blocks(battery, "n")] == [3, 4]
    assert chart_of(battery, ["n"], None, None, 200).rows == 600


def test_a_column_that_came_later_has_no_line_before_it():
    battery = with_blocks(long_battery(PEAK + 1))
    store_columns("long", {"test_time": [50_000.0 + t for t in range(1000)], "extra": [float(t) for t in range(1000)]})
    battery = with_blocks(battery_named("long"))
    found = chart_of(battery, ["extra", "voltage"], None, None, 200)
    assert min(found.lines["extra"].test_time) > 49_000
    assert max(found.lines["voltage"].test_time) < 13_000
    assert found.rows == PEAK + 1001


def test_a_worker_sums_up_long_batteries_and_rests_when_all_is_done(monkeypatch):
    monkeypatch.setattr(summarising, "ROWS_WORTH_BLOCKS", 20_000)
    battery = long_battery()
    store_records("short", [{"test_time": 0.0}])
    duty = Summarising()
    while duty.step():
        pass
    assert tables.next_block(connection, battery.pk) == (ROWS + 1) // tables.ROWS_A_BLOCK
    assert not tables.exists(connection, battery_named("short").pk)

    monkeypatch.setattr(summarising, "LOOK_SECONDS", 0.0)
    store_columns("long", {"test_time": [20_000.0 + t for t in range(9_999)], "voltage": [3.7] * 9_999})
    assert duty.step() is False  # too few to be worth a turn
    store_columns("long", {"test_time": [30_000.0], "voltage": [3.7]})
    assert duty.step() is True
    assert tables.next_block(connection, battery.pk) == 30_001 // tables.ROWS_A_BLOCK


def test_rows_that_were_deleted_are_on_no_chart():
    battery = with_blocks(long_battery())
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM rows_{battery.pk} WHERE row_id <= %s", [PEAK + 2])  # the peak, and one more
    found = chart_of(battery, ["voltage"], None, None, 20)
    assert (found.rows, max(found.lines["voltage"].values)) == (ROWS - PEAK - 2, 3.7)
    store_columns("long", {"test_time": [20_000.0 + t for t in range(1000)], "voltage": [3.7] * 1000})
    with_blocks(battery)
    assert blocks(battery, "voltage")[0][0] == 49  # row 12,347 is in block 48
    assert chart_of(battery, ["voltage"], None, None, 20).rows == ROWS - PEAK - 2 + 1000


def test_deleting_a_battery_deletes_its_blocks_and_none_come_back():
    battery = with_blocks(long_battery())
    key = battery.pk
    battery.delete()
    assert not tables.exists(connection, key)
    assert summarise_more(key) is False
    assert not tables.exists(connection, key)


def test_the_questions_of_a_chart_do_not_grow_with_the_rows(django_assert_num_queries):
    battery = with_blocks(long_battery())
    for start, end in ((None, None), (100.0, 12_000.0)):
        with django_assert_num_queries(10):
            chart_of(battery, ["voltage"], start, end, 200)


def test_a_chart_leaves_nulls_out_and_refuses_text(monkeypatch):
    monkeypatch.setattr(drawing, "RAW_ROWS", 1000)
    voltages = {0.0: 3.0, 10.0: 3.1, 20.0: float("nan"), 5.0: 3.3}
    store_records("a", [{"test_time": t, "voltage": v, "state": "x"} for t, v in voltages.items()])
    battery = battery_named("a")
    line = chart(battery, ["voltage"]).lines["voltage"]
    assert (line.test_time, line.values) == ([0.0, 5.0, 10.0], [3.0, 3.3, 3.1])
    with pytest.raises(NoSuchColumn):
        chart(battery, ["state"])


@pytest.mark.parametrize("way", ["rows", "blocks"])
@pytest.mark.parametrize("apart", [0.0, 1e-310])
def test_very_many_rows_of_one_instant_are_two_points(way, apart, monkeypatch):
    rows = 1_000
    times = [0.0] * (rows - 1) + [apart]
    store_columns("instant", {"test_time": times, "voltage": [3.0 + n / rows for n in range(rows)]})
    battery = battery_named("instant")
    if way == "blocks":
        with_blocks(battery)
    monkeypatch.setattr(tables, "select_by_time", None)  # all of them are not read into memory
    found = chart(battery, ["voltage"])
    assert found.rows == rows
    assert found.lines["voltage"].values == [3.0, 3.999]
    assert found.lines["voltage"].test_time == pytest.approx([0.0, 0.0], abs=apart)


def test_a_battery_without_rows_has_an_empty_chart():
    assert chart(Battery.objects.create(name="empty"), []).lines == {}
