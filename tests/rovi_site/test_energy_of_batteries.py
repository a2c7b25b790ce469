"""Batteries' rows as energy: by the wiring, against sums of power by time that know nothing of quarters."""

import csv
from pathlib import Path

import numpy as np
import pytest

from datahub.ingest import store_records
from datahub.models import Battery
from datahub.registration import delete_battery, register_battery
from energykit.quarters import arrays
from fleet.accounting import telemetry
from fleet.assets import update_asset
from fleet.models import Asset, EnergyDay, Quarter
from rovi_site.wiring import connect

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

BEGUN = 1_535_068_800.0  # 2018-08-24
DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture(autouse=True)
def wired():
    connect()


def account():
    seen = telemetry.Looks()
    while telemetry.account_now_and_then(seen):
        pass


def rectangles(time, current, voltage):
    """kWh drawn and charged: each value holds to the next one, no further than an hour."""
    last = {each: place for place, each in enumerate(time)}  # of equal times the last
    time, power = zip(*[(each, current[place] * voltage[place] / 1000) for each, place in sorted(last.items())],
                      strict=True)  # fmt: skip
    time, power = np.array(time), np.array(power)
    gaps = np.diff(time)
    held = np.append(gaps, np.inf)
    guess = np.append(np.inf, gaps)
    held = np.where(held <= 3600, held, np.where(guess <= 3600, guess, 900.0))
    energy = power * held / 3600
    return -energy[energy < 0].sum(), energy[energy > 0].sum()


def sums(asset):
    rows = list(Quarter.objects.filter(asset=asset).values_list("energy", "charged"))
    return tuple(np.array(rows).sum(axis=0))


def quarters(asset):
    return list(
        Quarter.objects.filter(asset=asset).order_by("start").values_list("start", "energy", "charged", "covered")
    )


def rows_of_a_day(count=500, seed=1):
    """Rests, loads, charges, gaps longer than an hour, and a time that comes twice."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([0.5, 1.0, 10.0, 60.0, 1800.0, 4000.0], count, p=[0.1, 0.3, 0.3, 0.2, 0.07, 0.03])
    time = np.cumsum(steps)
    current = rng.choice([-5.0, -1.25, 0.0, 2.5], count)
    rows = [
        {"test_time": float(t), "time": BEGUN + float(t), "current": float(i), "voltage": 3.2 + 0.1 * float(i)}
        for t, i in zip(time, current, strict=True)
    ]
    return [*rows, rows[count // 5] | {"current": 4.0}]


def columns(rows):
    return ([row[name] for row in rows] for name in ("test_time", "current", "voltage"))


def asset_of(name):
    return Asset.objects.get(battery_id=Battery.objects.get(name=name).pk)


def test_the_energy_of_simulated_rows_is_power_by_time():
    rows = rows_of_a_day()
    store_records("cell", rows)
    account()

    asset = asset_of("cell")
    assert (asset.kind, asset.name, asset.cursor) == ("battery", "cell", len(rows))
    assert sums(asset) == pytest.approx(rectangles(*columns(rows)), rel=1e-9)
    assert sum(EnergyDay.objects.filter(asset=asset).values_list("energy", flat=True)) == pytest.approx(sums(asset)[0])


def test_the_energy_of_a_file_is_power_by_time(shared_data):
    """Its test_time begins anew nowhere, and its clock is told by no column of the battery: by when it came."""
    with shared_data("arbin_example.csv").open() as file:
        rows = [
            {"test_time": float(row["Test_Time"]), "current": float(row["Current"]), "voltage": float(row["Voltage"])}
            for row in csv.DictReader(file)
        ]
    store_records("arbin", rows)
    account()

    assert sums(asset_of("arbin")) == pytest.approx(rectangles(*columns(rows)), rel=1e-9)


def test_the_energy_of_a_simulated_cell_is_power_by_time():
    with (DATA / "simulated_cell.csv").open() as file:
        names = ("test_time", "current", "voltage")
        rows = [{name: float(row[name]) for name in names} for row in csv.DictReader(file)]
    store_records("simulated", rows)
    account()

    assert sums(asset_of("simulated")) == pytest.approx(rectangles(*columns(rows)), rel=1e-9)


def test_the_energy_of_a_cells_whole_life_is_power_by_time(shared_data):
    """110,705 rows, by the rules on arrays alone."""
    tables = pytest.importorskip("tables")
    with tables.open_file(shared_data("batch_B10A_cell_3.h5")) as file:
        raw = file.root.raw_data[:]
    time, current, voltage = (np.asarray(raw[name], float) for name in ("test_time", "current", "voltage"))
    order = np.argsort(time, kind="stable")
    micro = np.rint(time[order] * 1e6).astype(np.int64)
    power = (current * voltage)[order] / 1000
    distinct = np.append(micro[1:] > micro[:-1], True)
    none = np.zeros(distinct.sum(), np.int64)
    values = np.stack([np.maximum(-power, 0), np.maximum(power, 0)])[:, distinct]

    found = arrays.quarters_of(none, micro[distinct], values, none > 0, none, none)

    expected = rectangles(time[order].tolist(), current[order], voltage[order])
    assert tuple(found.energies.sum(axis=1)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rows_a_step", [7, 100])
def test_how_rows_are_cut_does_not_matter(monkeypatch, rows_a_step):
    rows = rows_of_a_day()
    store_records("whole", rows)
    account()
    monkeypatch.setattr(telemetry, "ROWS_A_STEP", rows_a_step)
    store_records("cut", rows)
    account()

    assert np.array(quarters(asset_of("cut"))) == pytest.approx(np.array(quarters(asset_of("whole"))), rel=1e-9)


def test_late_rows_open_their_quarters_again():
    rows = rows_of_a_day(300)
    late = rows[5::3]
    store_records("in order", rows)
    store_records("late", [row for row in rows if row not in late])
    account()
    before = quarters(asset_of("late"))
    for first in range(0, len(late), 20):
        store_records("late", late[first : first + 20])
        account()

    ours, theirs = np.array(quarters(asset_of("late"))), np.array(quarters(asset_of("in order")))
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert quarters(asset_of("late")) != before


def test_another_clock_moves_the_quarters():
    store_records("cell", rows_of_a_day(100))
    account()
    before = quarters(asset_of("cell"))
    update_asset(asset_of("cell"), begun_at=BEGUN + 86_400)
    assert quarters(asset_of("cell")) == []
    account()

    assert quarters(asset_of("cell")) == [(row[0] + 86_400, *row[1:]) for row in before]


def test_rows_without_current_or_voltage_make_no_asset():
    store_records("thermometer", [{"test_time": 1.0, "temperature": 20.0}])
    account()
    assert not Asset.objects.exists()


def test_a_battery_that_is_deleted_takes_its_energy_along():
    battery = register_battery(None, name="cell")
    store_records("cell", rows_of_a_day(50))
    account()
    assert Quarter.objects.exists()
    delete_battery(battery)
    assert not Asset.objects.exists()
    assert not Quarter.objects.exists()


def test_a_battery_is_among_the_top_users_and_takes_no_posts(client_as):
    store_records("cell", rows_of_a_day())
    account()
    number = asset_of("cell").number
    client = client_as("operator")

    (ship,) = client.get("/fleet/topusers").json()["ships"]
    assert (ship["spaceship_id"], ship["consumption"]) == (number, pytest.approx(sums(asset_of("cell"))[0], abs=1e-6))
    body = {"spaceship_id": number, "units": "kW", "data": [{"datetime": "2018-08-24", "value": 1}]}
    assert client.post("/fleet/data", body, format="json").status_code == 409


def test_a_unix_time_is_a_clock_of_its_own():
    store_records("unix", [{"test_time": BEGUN + 60 * n, "current": -1.0, "voltage": 4.0} for n in range(30)])
    account()
    asset = asset_of("unix")
    assert asset.begun_at == 0
    assert quarters(asset)[0] == (BEGUN, pytest.approx(0.001), 0, 900_000_000)


def test_a_column_of_unix_time_tells_the_clock():
    rows = [{"test_time": 60.0 * n, "time": BEGUN + 60 * n, "current": -1.0, "voltage": 4.0} for n in range(30)]
    store_records("clocked", rows)
    account()
    assert quarters(asset_of("clocked"))[0][0] == BEGUN
