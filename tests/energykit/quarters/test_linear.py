"""The linear forecast, against exact figures and against the least squares of the whole design."""

import numpy as np
import pytest

from energykit.quarters.linear import DAY, TooLittleHistory, expected_energy, fitted

WEEKS = np.arange(14 * 96) * 900
END = 14 * DAY


@pytest.mark.parametrize(
    ("energy", "begin", "end", "expected"),
    [
        (np.full(1344, 2.0), END, END + 3600, 8),  # F1
        (np.arange(1344) % 4 + 1.0, END, END + 3600, 10),  # F2
        (np.arange(1344) % 4 + 1.0, END, END + DAY, 240),
        (np.arange(1344.0), END, END + 3600, 5382),  # F3
        (np.full(1344, 2.0), END + 420, END + 2220, 4),  # F4
        (np.full(1344, 2.0), END + 100, END + 200, 2 / 9),
    ],
)
def test_exact_figures(energy, begin, end, expected):
    assert expected_energy(fitted(WEEKS, energy), begin, end) == pytest.approx(expected, abs=1e-6)


def test_less_than_a_day_is_too_little():
    with pytest.raises(TooLittleHistory) as told:
        fitted(WEEKS[:95], np.ones(95))
    assert (told.value.have, told.value.need) == (95, 96)


def test_it_is_never_below_zero():
    assert expected_energy(fitted(WEEKS, np.arange(1344.0)[::-1]), END + DAY, END + 2 * DAY) == 0


@pytest.mark.parametrize("days", [10, 30])
def test_it_is_the_least_squares_of_the_whole_design(days):
    """With gaps and noise. Days of the week count from three weeks on."""
    rng = np.random.default_rng(1)
    start = np.sort(rng.choice(np.arange(days * 96), days * 80, replace=False)) * 900
    start[-1], start[0] = (days * 96 - 1) * 900, 0
    energy = 50 + 3 * np.sin(start / DAY * 2 * np.pi) + start / DAY + rng.normal(0, 1, len(start))
    place, day = start % DAY // 900, (start // DAY + 3) % 7

    def design(start, place, day):
        of_week = [(day == each).astype(float) for each in range(7)] if days >= 21 else []
        return np.stack([start / DAY, *[(place == each).astype(float) for each in range(96)], *of_week], axis=1)

    terms = np.linalg.lstsq(design(start, place, day), energy, rcond=None)[0]
    ahead = np.arange(days * 96, days * 96 + 96 * 7) * 900
    expected = design(ahead, ahead % DAY // 900, (ahead // DAY + 3) % 7) @ terms

    assert fitted(start, energy)(ahead) == pytest.approx(expected, rel=1e-9)
