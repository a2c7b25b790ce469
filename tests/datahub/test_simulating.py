"""Simulated lives are bounded, repeat themselves, and are streamed with their truth or written to files."""

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from datahub.management.commands.simulate_fleet import REFUSED_FOR_GOOD
from datahub.metadata import checked_metadata
from datahub.simulating.describing import metadata_of, name_of
from datahub.simulating.lives import LifePlan, history_of, life_of, part_since
from datahub.simulating.writing import paths_for
from energykit.simulation import simulated_fleet
from tests.datahub.upload_server import PASSWORD, UploadServer
from tests.servers import PROJECT

PLAN = LifePlan(years=1.0, speedup=60.0, seconds_a_row=2.0, most_rows=4000)


def cell():
    return simulated_fleet(1, seed=3)[0]


def column(parts, name):
    return np.concatenate([part.columns[name] for part in parts])


# --- lives ---------------------------------------------------------------------------------------------------------
def test_a_life_never_has_more_rows_than_it_may():
    rows = sum(len(part) for part in life_of(cell(), PLAN))
    assert 0.99 * PLAN.most_rows < rows <= PLAN.most_rows


def test_live_rows_slow_down_by_half_each_time_half_of_the_rest_is_sent():
    parts = [part for part in life_of(cell(), PLAN) if part.pause is not None]
    pauses = [part.pause for part in parts]
    assert pauses == sorted(pauses)
    assert sorted(set(pauses))[:4] == [2.0, 4.0, 8.0, 16.0]
    rows = {pause: sum(len(part) for part in parts if part.pause == pause) for pause in (2.0, 4.0, 8.0)}
    assert rows[4.0] / rows[2.0] == pytest.approx(0.5, abs=0.02)
    assert rows[8.0] / rows[2.0] == pytest.approx(0.25, abs=0.02)


def test_time_never_runs_back_and_history_spans_the_years():
    parts = list(islice(life_of(cell(), PLAN), 40))
    times = column(parts, "test_time")
    assert (np.diff(times) >= 0).all()
    history = [part for part in parts if part.pause is None]
    assert column(history, "test_time")[-1] == pytest.approx(365.25 * 86400, rel=0.1)


def test_the_same_life_is_lived_again_to_the_last_bit():
    first, again = (list(islice(life_of(cell(), PLAN), 60)) for _ in range(2))
    for name in first[0].columns:
        assert column(first, name).tobytes() == column(again, name).tobytes()


def test_what_is_stored_is_passed_over_but_for_the_newest_row():
    part = next(iter(history_of(cell(), 0.5)))
    newest = float(part.columns["test_time"][10])
    assert part_since(part, newest).columns["test_time"][0] == newest
    assert len(part_since(part, newest)) == len(part) - 10
    assert len(part_since(part, None)) == len(part)


def test_the_toolkit_takes_the_metadata_of_every_cell():
    for place, each in enumerate(simulated_fleet(6, seed=1), start=1):
        document = checked_metadata(metadata_of(each, name_of(each, place, 1)))
        assert document["battery"]["nominal_capacity"] == 2.5
        assert document["is_measurement"] is False


def test_another_seed_is_another_fleet_with_other_names():
    one, other = cell(), simulated_fleet(1, seed=4)[0]
    assert name_of(one, 1, 1) == "simulated 01 commuter nmc"
    assert name_of(other, 1, 4) == "simulated fleet 4 01 commuter nmc"


# --- files ---------------------------------------------------------------------------------------------------------
def test_a_history_is_written_for_the_toolkit_with_the_truth_in_a_table_of_its_own(tmp_path):
    from battdat.data import BatteryDataset

    out = tmp_path / "fleet.h5"
    subprocess.run(
        [sys.executable, "manage.py", "simulate_fleet", "--cells", "2", "--years", "0.2", "--out", str(out)],
        cwd=PROJECT, check=True, capture_output=True,
    )  # fmt: skip
    for place, path in enumerate(paths_for(out, 2), start=1):
        dataset = BatteryDataset.from_hdf(path)
        rows, truth = dataset.tables["raw_data"], dataset.tables["truth"]
        assert dataset.metadata.name.startswith(f"simulated 0{place} ")
        assert list(rows["test_time"]) == list(truth["test_time"])
        assert not {"true_soc", "true_capacity", "true_r0"} & set(rows.columns)
        assert (rows["cycle_number"] >= 1).all()
        dataset.schemas["raw_data"].validate_dataframe(rows)


# --- streams -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_fleet_is_registered_streamed_and_lived_on_where_it_was_stopped(tmp_path):
    def simulate(rows, password=PASSWORD, status=0):
        done = subprocess.run(
            [
                *(sys.executable, "manage.py", "simulate_fleet", "--stream", "--cells", "2", "--years", "0.2"),
                *("--max-rows-per-cell", str(rows), "--seconds-a-row", "0.001"),
                *("--url", f"http://admin:{password.replace(' ', '%20')}@127.0.0.1:{server.port}"),
            ],
            cwd=PROJECT, env=server.environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        assert done.stdout.count("has sent all the rows it may") == (0 if status else 2)
        return {each["name"]: each for each in server.get("/api/v1/batteries/")["results"]}

    with UploadServer(tmp_path) as server:
        first = simulate(700)
        assert sorted(first) == ["simulated 01 commuter nmc", "simulated 02 grid lfp"]
        for battery in first.values():
            assert battery["is_simulated"]
            assert 600 < battery["rows"] <= 700
            truths = server.get(f"/api/v1/batteries/{battery['id']}/truth/")
            assert len(truths) == battery["rows"]
            (estimator,) = server.get(f"/api/v1/estimators/?battery={battery['id']}")["results"]
            assert (estimator["kind"], estimator["is_current"]) == ("joint_ukf", True)
        again = simulate(700)
        for name, battery in again.items():
            assert battery["rows"] == first[name]["rows"]
            assert battery["late_rows"] == 0
        assert len(server.get("/api/v1/estimators/")["results"]) == 2
        simulate(700, password="no password", status=REFUSED_FOR_GOOD)
