"""Covariances stay positive definite, and what has to be repaired is repaired once, to the bit."""

import math
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.edge import check, live
from energykit.ukf.abreast import Abreast, BeliefsAbreast
from energykit.ukf.covariance import factor, repair
from energykit.ukf.layout import Layout
from energykit.ukf.settling import settle
from tests.energykit.cells import square


def packed(matrix):
    return matrix[np.triu_indices(len(matrix))].tolist()


def nearly_singular(states, seed, share):
    """Positive definite but for rounding: `share` of noise on a matrix of rank one less than its size."""
    chance = np.random.default_rng(seed)
    root = chance.normal(size=(states, states - 1)) * 10.0 ** chance.uniform(-6, 1, states)[:, None]
    noise = chance.normal(size=(states, states)) * share
    return packed(root @ root.T * (1 + noise + noise.T))


@pytest.mark.parametrize("states", [4, 5, 6])
def test_the_factor_is_choleskys(states):
    chance = np.random.default_rng(states)
    matrix = np.cov(chance.normal(size=(states, 50)))

    upper, pivots = factor(packed(matrix), states, math.sqrt)

    found = np.zeros((states, states))
    found[np.triu_indices(states)] = upper
    np.testing.assert_allclose(found.T, np.linalg.cholesky(matrix), rtol=1e-13, atol=1e-15)
    assert pivots == pytest.approx(np.diag(found) ** 2)


@pytest.mark.parametrize("states", [4, 5, 6])
@pytest.mark.parametrize("share", [0.0, 1e-16, 1e-12, 1e-6, 1e-2])
def test_a_repaired_covariance_needs_no_repair_and_keeps_its_factor(states, share):
    repaired = []
    for seed in range(50):
        sound, upper, was_repaired = repair(nearly_singular(states, seed, share), states)
        assert repair(sound, states) == (sound, upper, False)
        assert factor(sound, states, math.sqrt)[0] == upper
        if was_repaired:
            np.linalg.cholesky(square(sound, states))  # raises where numpy disagrees
        repaired.append(was_repaired)
    assert any(repaired)


def test_a_repair_keeps_the_variances_and_shrinks_correlations_no_more_than_needed():
    # A correlation of 1.005 is above 1 after 1e-3 off, and below it after 1e-2 off.
    broken = np.array([[1.0, 2.01, 0.0], [2.01, 4.0, 0.5], [0.0, 0.5, 9.0]])

    sound, _, was_repaired = repair(packed(broken), 3)

    assert was_repaired
    assert sound == pytest.approx([1.0, 2.01 * 0.99, 0.0, 4.0, 0.5 * 0.99, 9.0], rel=1e-15)


def test_a_variance_that_is_not_positive_is_known_exactly():
    broken = np.array([[1.0, 1e-9, 0.3], [1e-9, -1e-18, 1e-9], [0.3, 1e-9, 1.0]])

    sound, _, _ = repair(packed(broken), 3)

    assert sound[:1] + sound[3:4] + sound[5:] == [1.0, 4e-30, 1.0]
    assert [sound[1], sound[4]] == [0.0, 0.0]
    assert sound[2] == pytest.approx(0.3, rel=2e-7)


def test_a_sound_covariance_comes_back_untouched():
    sound = packed(np.cov(np.random.default_rng(1).normal(size=(5, 40))))

    assert repair(sound, 5)[::2] == (sound, 0)


def least_exact_pivot(matrix):
    """Of Gauss' elimination in fractions, in units of the variances: no rounding."""
    rows = [[Fraction(each) for each in row] for row in matrix.tolist()]
    least = math.inf
    for place, row in enumerate(rows):
        least = min(least, float(row[place] / Fraction(float(matrix[place, place]))))
        for below in rows[place + 1 :]:
            share = below[place] / row[place]
            below[place:] = [each - share * above for each, above in zip(below[place:], row[place:], strict=True)]
    return least


@pytest.mark.parametrize("states", [3, 4, 6])
@pytest.mark.parametrize("share", [1e-16, 1e-15])
def test_what_is_called_positive_definite_is_so_in_exact_arithmetic(states, share):
    """Some of these matrices have a factor in floats, though they have a negative eigenvalue."""
    deceived = 0
    for seed in range(150):
        loose = nearly_singular(states, seed, share)
        sound, _, was_repaired = repair(loose, states)
        assert least_exact_pivot(square(sound, states)) > 0
        deceived += was_repaired and has_factor(loose, states) and least_exact_pivot(square(loose, states)) <= 0
    assert deceived > 0


def has_factor(loose, states):
    try:
        return min(factor(loose, states, math.sqrt)[1]) > 0
    except (ValueError, ZeroDivisionError):
        return False


def test_covariances_stay_positive_definite_at_the_edge_of_floats():
    """Ten million steps of the same: `python -m benchmarks.edge`."""
    steps = 0
    for _, results in live(100_000, batteries=20):
        check(results, results[0].means.shape[1])
        steps += sum(np.count_nonzero(each.stepped) for each in results)
    assert steps > 90_000


def test_a_mean_that_is_not_finite_is_to_be_settled_though_its_covariance_is_sound():
    beliefs = BeliefsAbreast.room_for(4, 3)
    beliefs.mean[:] = [[0.5, np.inf, 0.5], [0.0] * 3, [2.5, 2.5, np.nan], [0.03] * 3]
    beliefs.covariance[:] = np.eye(4)[:, :, None]

    unsound = Abreast(Layout(0, True), 3).factorise(beliefs)

    assert unsound.tolist() == [False, True, True]
    assert settle([0.5, 0.0, float("nan"), 0.03], packed(np.eye(4))) is None
