"""Simulated cells with exactly one thing wrong: it is said soon, and by its name; what the sentence advises helps."""

import json
import re

import numpy as np
import pytest

from energykit.asoh import mapping_from_asoh
from energykit.consistency import Cause, Evidence, observe, verdict_of
from energykit.presets import PRESETS
from energykit.simulation import SimulatedCell, simulated_fleet
from energykit.ukf import FilterRows, JointFilterParameters, run_filter
from tests.energykit.judged import observed, rows_of, verdicts
from tests.twin import oracle

ROWS = 3000
CELLS = (("nmc", "commuter"), ("lfp", "grid"), ("nca", "solar"), ("lco", "grid"), ("nmc", "grid"), ("nca", "commuter"))


@pytest.fixture(scope="module")
def lives():
    """(preset, what its filter should be told, a year of rows) of each cell."""
    cells = [SimulatedCell(500 + seed, preset, duty) for seed, (preset, duty) in enumerate(CELLS)]
    return [(cell.preset.key, cell.filter_parameters().to_mapping(), cell.compress(1.6)) for cell in cells]


def judged(lives, wrong, sign=1.0):
    """The verdicts on filters that are told `wrong(mapping, preset)`."""
    parameters = [JointFilterParameters.from_mapping(wrong(mapping, preset)) for preset, mapping, _ in lives]
    return verdicts(parameters, [rows_of(life, ROWS, sign) for _, _, life in lives])


def right(mapping, preset):
    return mapping


def noises_times(factor):
    def wrong(mapping, preset):
        noise = [factor * variance for variance in mapping["process_noise_per_second"]]
        return mapping | {"sensor_variance": factor * mapping["sensor_variance"], "process_noise_per_second": noise}

    return wrong


def capacity_times(factor):
    return lambda mapping, preset: mapping | {"capacity_ah": factor * mapping["capacity_ah"]}


def table_of_another(mapping, preset):
    other = PRESETS[{"nmc": "nca", "nca": "nmc", "lfp": "lfp", "lco": "nmc"}[preset]].parameters(2.5)
    table = {name: other[name] for name in ("ocv_soc", "ocv_voltage")}
    return mapping | (bent_table(mapping, preset) if preset == "lfp" else table)


def bent_table(mapping, preset):
    """Up to 30 mV too high or too low, in turn."""
    bend = 0.03 * np.sin(3 * np.pi * np.array(mapping["ocv_soc"]))
    return mapping | {"ocv_voltage": (np.array(mapping["ocv_voltage"]) + bend).tolist()}


def causes(found):
    """What is said of each filter in the end; while one still looks for its cell, it may look like another fault."""
    return [each[-1].cause for each in found]


def test_a_right_filter_is_never_called_wrong(lives):
    for each in judged(lives, right):
        assert {verdict.consistent for verdict in each[4:]} == {True}


@pytest.mark.slow
def test_no_cell_of_a_fleet_is_called_wrong_in_years_of_few_rows_and_live():
    fleet = simulated_fleet(12, seed=77)
    lives = [cell.compress(2.0) for cell in fleet[:6]] + [cell.advance(2 * 86_400.0, 30.0) for cell in fleet[6:]]
    found = verdicts([cell.filter_parameters() for cell in fleet], list(map(rows_of, lives)))
    assert not any(verdict.is_alarm for each in found for verdict in each)


@pytest.mark.parametrize(
    ("wrong", "cause", "within"),
    [
        (noises_times(1 / 16), Cause.NOISE_TOO_SMALL, 500),
        (noises_times(25.0), Cause.NOISE_TOO_LARGE, 1000),
        (bent_table, Cause.WRONG_OCV_TABLE, 1500),
        (table_of_another, Cause.WRONG_OCV_TABLE, 1500),
        (capacity_times(0.5), Cause.WRONG_CAPACITY, 3000),
        (capacity_times(2.5), Cause.WRONG_CAPACITY, 3000),
    ],
    ids=["noise small", "noise large", "bent table", "table of another", "half the capacity", "twice the capacity"],
)
def test_what_is_wrong_is_said_soon_and_by_its_name(lives, wrong, cause, within):
    found = judged(lives, wrong)
    assert causes(found) == [cause] * len(lives)
    for each in found:
        first = next(place for place, verdict in enumerate(each) if verdict.cause)
        assert 100 * (first + 1) <= within
        assert each[-1].is_alarm == (cause != Cause.NOISE_TOO_LARGE)


def test_a_wrong_sign_of_the_current_is_said_by_its_name(lives):
    found = judged(lives, right, sign=-1.0)
    assert causes(found) == [Cause.WRONG_SIGN_OF_CURRENT] * len(lives)
    assert found[0][-1].sentence.startswith(
        "The sign of the current looks wrong: voltage falls when the current rises."
    )


def number_after(text, sentence):
    return float(re.search(rf"{text} to about ([\d.e+-]+) ", sentence)[1])


@pytest.mark.parametrize("factor", [1 / 16, 25.0])
def test_a_filter_that_takes_the_advice_on_noise_is_consistent(lives, factor):
    sentences = [each[-1].sentence for each in judged(lives, noises_times(factor))]
    advice = [number_after("`sensor_variance`", sentence) for sentence in sentences]
    # the cells' logger has a noise of 2 mV, 4e-6 V²; a filter that trusts no voltage adds errors of its own
    assert all(3e-6 < each < 1.2e-5 for each in advice)
    parameters = [
        JointFilterParameters.from_mapping(mapping | {"sensor_variance": value})
        for (_, mapping, _), value in zip(lives, advice, strict=True)
    ]
    found = verdicts(parameters, [rows_of(life, ROWS) for _, _, life in lives])
    assert [each[-1].consistent for each in found] == [True] * len(lives)


def test_the_capacity_that_is_advised_is_the_cells_own(lives):
    sentences = [each[-1].sentence for each in judged(lives, capacity_times(0.5))]
    truth = [life["true_capacity"][ROWS - 1] for _, _, life in lives]
    assert [number_after("`capacity_ah`", sentence) for sentence in sentences] == pytest.approx(truth, rel=0.05)


def test_a_script_is_told_of_its_own_parts():
    evidence = Evidence.none(1)
    parameters = JointFilterParameters.from_mapping(oracle.parameters("one_rc") | {"sensor_variance": 1e-8})
    rows = rows_of({name: np.array(values) for name, values in oracle.cell().items()}, 1000)
    observe(evidence, [observed(parameters, rows, run_filter(parameters, rows))])
    assert "Raise the variance of its voltage measurement to about" in verdict_of(evidence, is_script=True).sentence


def test_errors_that_last_are_told_where_the_filter_lacks_the_cells_rc_pair():
    """Its capacity is 17 deviations off the truth while the mean NIS is 1: only the pattern tells it."""
    cell = {name: np.array(values) for name, values in oracle.cell().items()}
    without, with_pair = (JointFilterParameters.from_mapping(oracle.parameters(case)) for case in ("no_rc", "one_rc"))
    (lacking, *_), (complete, *_) = (each[::-1] for each in verdicts([without, with_pair], [rows_of(cell)] * 2))
    assert (lacking.consistent, lacking.cause, lacking.is_alarm) == (False, Cause.MODEL_TOO_SIMPLE, False)
    assert 0.67 < lacking.mean_nis < 1.4
    assert "Its NIS is consistent: errors are as large as it expects" in lacking.sentence
    assert f"of the newest 12 windows {lacking.windows_above} lie above their 99 % band" in lacking.sentence
    assert lacking.windows_above < 5  # else it would be marked
    # its sensor is told to have 10 mV, and has less
    assert complete.cause == Cause.NOISE_TOO_LARGE


def test_a_real_cell_that_will_be_lost_is_called_inconsistent_from_the_start(shared_data):
    """With these noises the filter loses it after 39,000 rows and ends at 11 Ah; the first 2,000 rows tell."""
    tables = pytest.importorskip("tables")
    with tables.open_file(shared_data("batch_B10A_cell_3.h5")) as file:
        table = file.root.raw_data.read(0, 2000)
    mapping = mapping_from_asoh(json.loads(shared_data("asoh-b10a.json").read_text()))
    padded = {
        "ocv_soc": [-0.1, *mapping["ocv_soc"], 1.1],
        "ocv_voltage": [0.0, *mapping["ocv_voltage"], 6.5],
        "initial_soc": 0.0,
        "initial_covariance": [
            1e-2, 2.5e-7, (2.5e-3 * mapping["capacity_ah"]) ** 2, (2.5e-3 * mapping["r0_ohm"]) ** 2,
        ],
        "process_noise": [1e-8, 1e-8, 1e-10, 1e-10],
        "sensor_variance": 2.5e-7,
    }  # fmt: skip
    columns = (np.asarray(table[name], dtype=np.float64) for name in ("test_time", "current", "voltage"))
    (found,) = verdicts([JointFilterParameters.from_mapping(mapping | padded)], [FilterRows(*columns)])
    assert [verdict.is_alarm for verdict in found] == [False] * 4 + [True] * (len(found) - 4)
    assert found[-1].sentence.startswith("The filter is too sure: voltage is off by ")
