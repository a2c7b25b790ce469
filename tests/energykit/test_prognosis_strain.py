"""What a duty does to a cell: closed forms, changes of conditions, repetition."""

import numpy as np
import pytest

from energykit.prognosis.chemistry import PRESETS
from energykit.prognosis.duty import Duty
from energykit.prognosis.strain import SUMS, Course, strain_of
from tests.energykit.prognosis_duties import DAY, daily_cycle, storage

EFC = SUMS.index("efc")


def test_sums_of_a_daily_cycle_are_those_of_the_closed_form():
    """LFP, 80 % deep at C/5 and 25 °C: each day 0.8 EFC, k = (0.063/5 + 0.0971) · (4.0253 · 0.2³ + 1.0923) / 100."""
    total = strain_of(daily_cycle(days=10), PRESETS["lfp"], 25.0).total
    rate = (0.063 / 5 + 0.0971) * (4.0253 * 0.2**3 + 1.0923) / 100

    assert total[EFC] == pytest.approx(8.0)
    assert total[SUMS.index("cyclic")] == pytest.approx(rate**2 * 8.0, rel=0.01)


def test_soc_between_two_rows_is_a_line():
    """LFP from empty to full in ten days: ∫(2.8575·x³ + 0.60225)² dx over −½..½ = 2.8575²/448 + 0.60225² = 0.38093."""
    time = np.linspace(0.0, 10 * DAY, 21)
    rising = Duty(time, time / time[-1], np.full(21, 0.0125), np.full(21, 25.0), 3.0)
    total = strain_of(rising, PRESETS["lfp"], 25.0).total

    assert total[0] == pytest.approx(1.2571e-5**2 * 10 * DAY * 0.38093, rel=3e-3)


def test_loss_goes_on_from_where_it_is_when_the_conditions_change():
    """100 days at 45 °C, then 300 days at 15 °C: (k₁² · 100 + k₂² · 300)^½, not k₁ · √100 + k₂ · √300."""
    model = PRESETS["lfp"]
    warm, cool = storage(celsius=45.0, lasts_s=100 * DAY), storage(celsius=15.0)
    first, second = (float(model.calendar_rate(np.array([0.5]), np.array([c]))[0]) for c in (45.0, 15.0))

    reached = Course.of([warm, cool], model, 25.0).at(np.array([50.0, 100.0, 400.0]) * DAY)[0]

    assert reached == pytest.approx([first**2 * 50, first**2 * 100, first**2 * 100 + second**2 * 300])


def test_a_week_that_repeats_does_what_a_long_record_of_the_same_weeks_does():
    times = np.array([3.0, 7.0, 24.5, 70.0]) * DAY
    week, months = (Course.of([daily_cycle(days=days)], PRESETS["nmc"], 25.0).at(times) for days in (7, 70))

    assert week[:, 1:] == pytest.approx(months[:, 1:], rel=0.02)


def test_a_phase_of_whole_weeks_ends_where_the_next_begins():
    phases = [daily_cycle(days=7, lasts_s=14 * DAY), storage(lasts_s=10 * DAY), daily_cycle(days=7)]
    efc = Course.of(phases, PRESETS["nca"], 25.0).at(np.array([14.0, 20.0, 24.0, 31.0]) * DAY)[EFC]

    assert efc == pytest.approx([11.2, 11.2, 11.2, 16.8])


def test_the_steady_sums_know_no_temperature():
    cold, hot = (strain_of(daily_cycle(celsius=celsius), PRESETS["nmc"], 20.0).total for celsius in (5.0, 40.0))

    assert hot[0] > 10 * cold[0]
    assert hot[1] > 10 * cold[1]
    assert hot[4:] == pytest.approx(cold[4:])
