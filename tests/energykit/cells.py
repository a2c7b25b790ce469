"""Cells and drives that the tests of the filter share."""

import numpy as np

from energykit.ukf import FilterRows, JointFilterParameters

PAIRS = ((0.015, 2000.0), (0.01, 20000.0))


def cell_with(pairs, **changes):
    """A cell with so many RC pairs; anything else about it may be changed."""
    return JointFilterParameters(
        **{
            "capacity_ah": 2.5,
            "r0_ohm": 0.03,
            "rc_pairs": PAIRS[:pairs],
            "ocv_soc": (0.0, 0.1, 0.5, 0.9, 1.0),
            "ocv_voltage": (3.0, 3.4, 3.6, 4.05, 4.2),
            "coulombic_efficiency": 0.99,
            "initial_soc": 0.6,
        }
        | changes
    )


def drive(rows, seed=0):
    """Currents without rhyme or reason, steps of 0 to 60 s, and voltages that fit them roughly."""
    chance = np.random.default_rng(seed)
    time = np.cumsum(chance.choice([0.0, 1.0, 10.0, 60.0], rows))
    current = chance.uniform(-2.5, 2.5, rows)
    return FilterRows(time, current, 3.7 + 0.05 * current + chance.normal(0, 0.03, rows))


def diagonal(variances):
    return tuple(tuple(row) for row in np.diag(variances).tolist())


def square(packed, states):
    """The symmetric matrix of a packed upper triangle."""
    matrix = np.zeros((states, states))
    matrix[np.triu_indices(states)] = packed
    return matrix + np.triu(matrix, 1).T


def lasting_errors(time, std, seconds, seed=0):
    """A first-order Gauss-Markov process with that correlation time, drawn exactly from row to row."""
    chance = np.random.default_rng([seed, 3])
    errors = [std * chance.standard_normal()]
    for decay in np.exp(-np.diff(time) / seconds).tolist():
        errors.append(decay * errors[-1] + std * np.sqrt(1 - decay**2) * chance.standard_normal())
    return np.array(errors)
