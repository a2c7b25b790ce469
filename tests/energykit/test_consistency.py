"""Evidence of a filter's errors: bands, chunks, and what a filter without fault looks like."""

from dataclasses import replace

import numpy as np
import pytest

from energykit.consistency import ROWS_OF_A_WINDOW, Evidence, Observed, band_of_mean_nis, observe, verdict_of
from energykit.consistency.bands import effective_rows

# Quantiles of χ² at 0.5 % and 99.5 %, from the table in Abramowitz and Stegun (26.8).
CHI_SQUARED = {10: (2.15586, 25.1882), 20: (7.43384, 39.9968), 30: (13.7867, 53.6720), 100: (67.3276, 140.169)}


@pytest.mark.parametrize("rows", CHI_SQUARED)
def test_the_band_is_that_of_chi_squared(rows):
    low, high = band_of_mean_nis(np.array(float(rows)))
    assert (rows * low, rows * high) == pytest.approx(CHI_SQUARED[rows], rel=0.03 if rows == 10 else 0.01)


def test_errors_that_repeat_each_other_count_as_fewer_rows():
    # r = 0.5: squares are correlated by 0.25, so 100 · (1 − 0.25)/(1 + 0.25) = 60; never below ten
    assert effective_rows(np.full(4, 100.0), np.array([0.0, 0.5, -0.5, 0.999])) == pytest.approx(
        [100.0, 60.0, 60.0, 10]
    )


def seen(rows, seed=0, scale=1.0):
    """Rows of a filter whose innovations are noise, `scale` times as large as it expects."""
    chance = np.random.default_rng(seed)
    variance = chance.uniform(1e-6, 1e-4, rows)
    return Observed(
        time=np.cumsum(chance.choice([0.0, 1.0, 10.0], rows)),
        current=chance.uniform(-2.0, 2.0, rows),
        innovation=scale * np.sqrt(variance) * chance.standard_normal(rows),
        innovation_variance=variance,
        predicted_voltage=chance.uniform(3.0, 4.0, rows),
        soc=chance.uniform(-0.1, 1.1, rows),
        capacity=chance.uniform(2.0, 2.1, rows),
    )


def part_of(whole, start, end):
    return Observed(*(getattr(whole, name)[start:end] for name in Observed.__slots__))


@pytest.mark.parametrize("chunk", [1, 7, 99, 100, 101])
def test_chunks_change_no_bit_of_the_evidence(chunk):
    whole = seen(450)
    at_once, cut = Evidence.none(1), Evidence.none(1)
    observe(at_once, [whole])
    for start in range(0, 450, chunk):
        observe(cut, [part_of(whole, start, start + chunk)])
        cut = Evidence.read(cut.as_bytes())
    assert cut.as_bytes() == at_once.as_bytes()
    assert verdict_of(cut) == verdict_of(at_once)


def test_a_filter_among_many_has_the_evidence_that_it_has_alone():
    lengths = [0, 250, 1, 100, 730]
    together = Evidence.none(len(lengths))
    ended = observe(together, [seen(length, seed) for seed, length in enumerate(lengths)])
    assert ended.tolist() == [False, True, False, True, True]
    for seed, length in enumerate(lengths):
        alone = Evidence.none(1)
        observe(alone, [seen(length, seed)])
        assert together.as_bytes()[seed] == alone.as_bytes()[0]


def test_one_white_window_in_a_hundred_is_outside_and_no_filter_is_marked_for_it():
    """40,000 windows: 0.5 % above and 0.5 % below, each with a deviation of 0.035 %."""
    windows, filters = 40, 1000
    evidence = Evidence.none(filters)
    above, below, alarms = 0, 0, 0
    for window in range(windows):
        observe(evidence, [seen(ROWS_OF_A_WINDOW, 1000 * window + each) for each in range(filters)])
        found = [verdict_of(evidence, each) for each in range(filters)]
        above += sum(verdict.newest_nis > verdict.high for verdict in found)
        below += sum(verdict.newest_nis < verdict.low for verdict in found)
        alarms += sum(verdict.consistent is False for verdict in found)
    assert (above / (windows * filters), below / (windows * filters)) == pytest.approx((0.005, 0.005), abs=0.0015)
    assert alarms == 0


def test_a_verdict_waits_for_five_windows():
    evidence = Evidence.none(1)
    assert verdict_of(evidence).sentence == "Too few rows for a verdict: 0 of 500."
    observe(evidence, [seen(420, scale=6.0)])
    assert (verdict_of(evidence).consistent, verdict_of(evidence).windows_above) == (None, 4)
    observe(evidence, [seen(80, 1, scale=6.0)])
    assert (verdict_of(evidence).consistent, verdict_of(evidence).is_alarm) == (False, True)


def test_it_is_marked_until_windows_in_which_charge_moved_are_inside_again():
    evidence = Evidence.none(1)
    observe(evidence, [seen(500, scale=6.0)])
    resting = seen(2000, 1)
    observe(
        evidence, [Observed(*(np.zeros(2000) if n == "current" else getattr(resting, n) for n in Observed.__slots__))]
    )
    assert verdict_of(evidence).is_alarm  # at rest a wrong model is right
    observe(evidence, [seen(2000, 2)])
    assert verdict_of(evidence).consistent is True


def test_rows_without_a_prediction_say_nothing_and_absurd_ones_break_nothing():
    blind = seen(500)
    told = Evidence.none(1)
    observe(
        told, [Observed(blind.time, blind.current, np.full(500, np.nan), np.full(500, np.nan), np.full(500, np.nan))]
    )
    assert verdict_of(told).sentence == "Too few rows for a verdict: 0 of 500."
    absurd = seen(600)
    absurd.innovation[50], absurd.predicted_voltage[50], absurd.capacity[99], absurd.soc[50] = (
        1e200,
        -1e200,
        np.inf,
        -1e300,
    )
    observe(told, [absurd])
    assert np.isfinite(told.table).all()
    assert verdict_of(told).consistent is True


def test_a_capacity_that_has_come_to_nothing_is_told_with_the_one_it_began_with():
    evidence = Evidence.none(1)
    observe(evidence, [replace(seen(100), capacity=np.full(100, 2.0))])
    observe(evidence, [replace(seen(900, scale=5.0), capacity=np.zeros(900))])
    assert "went from 2 Ah to 0 Ah" in verdict_of(evidence).sentence


@pytest.mark.parametrize("stored", [None, b"", b"CONS", b"x" * 700])
def test_what_cannot_be_read_as_evidence_is_a_new_beginning(stored):
    assert Evidence.read([stored]).as_bytes() == Evidence.none(1).as_bytes()


def test_evidence_is_a_few_hundred_bytes_however_much_was_seen():
    evidence = Evidence.none(1)
    size = len(evidence.as_bytes()[0])
    observe(evidence, [seen(5000)])
    assert len(evidence.as_bytes()[0]) == size < 700
