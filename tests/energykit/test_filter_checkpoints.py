"""A checkpoint is the whole filter; bytes that are none are refused."""

import struct

import numpy as np
import pytest

from energykit.errors import BadCheckpoint
from energykit.ukf import Counts, FilterRows, FleetFilter
from tests.energykit.cells import cell_with, diagonal, drive


def test_the_bytes_are_those_that_were_written_down():
    """Checkpoints outlive the program that wrote them: this layout may be added to, never changed."""
    fleet = FleetFilter([cell_with(0, initial_covariance=diagonal([0.01, 1e-6, 0.02, 1e-5]))])
    fleet.advance([FilterRows(np.array([7.0, np.nan]), np.array([-1.5, 1.0]), np.array([3.7, 3.7]))])

    expected = struct.pack("<4sHHB3x", b"UKFJ", 1, 4, 1)
    expected += struct.pack("<5Q", 0, 1, 0, 0, 0)  # stepped, not finite, backwards, diverged, repaired
    expected += struct.pack("<2d", 7.0, -1.5)
    expected += struct.pack("<4d", 0.6, 0.0, 2.5, 0.03)
    expected += struct.pack("<10d", 0.01, 0, 0, 0, 1e-6, 0, 0, 0.02, 0, 1e-5)
    assert fleet.checkpoint(0) == expected


@pytest.mark.parametrize("seconds", [0.0, 300.0], ids=["hysteresis stays", "hysteresis fades"])
@pytest.mark.parametrize("pairs", [0, 1, 2])
def test_a_restored_filter_is_the_one_that_was_left(pairs, seconds):
    left, found = (FleetFilter([cell_with(pairs, hysteresis_seconds=seconds)]) for _ in range(2))
    left.advance([drive(50)])

    found.restore(0, left.checkpoint(0))

    assert found.checkpoint(0) == left.checkpoint(0)
    assert found.counts(0) == left.counts(0) == Counts(stepped=49)
    rows = drive(100, seed=1)
    later = FilterRows(rows.time + 1e4, rows.current, rows.voltage)
    assert found.advance([later])[0].means.tobytes() == left.advance([later])[0].means.tobytes()


def test_a_checkpoint_without_hysteresis_is_not_one_with_an_rc_pair_less():
    """Both have four states: only the fifth number of the head tells them apart, 0 in all that were written before."""
    without, other = FleetFilter([cell_with(1, has_hysteresis=False)]), FleetFilter([cell_with(0)])
    without.advance([drive(20)])
    blob = without.checkpoint(0)

    found = FleetFilter([cell_with(1, has_hysteresis=False)])
    found.restore(0, blob)

    assert found.checkpoint(0) == blob
    with pytest.raises(BadCheckpoint, match="a filter without hysteresis"):
        other.restore(0, blob)
    with pytest.raises(BadCheckpoint, match="a filter with hysteresis"):
        without.restore(0, other.checkpoint(0))
    assert without.checkpoint(0) == blob


def whole_checkpoint():
    fleet = FleetFilter([cell_with(1)])
    fleet.advance([drive(20)])
    return fleet.checkpoint(0)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda blob: b"", "no checkpoint"),
        (lambda blob: b"PICK" + blob[4:], "no checkpoint"),
        (lambda blob: blob[:4] + b"\x02\x00" + blob[6:], "version 2"),
        (lambda blob: blob[:6] + b"\x04\x00" + blob[8:], "a filter with 4 states, this battery's has 5"),
        (lambda blob: blob[:-1], "damaged"),
        (lambda blob: blob + b"\x00", "damaged"),
        (lambda blob: blob[:-8] + struct.pack("<d", float("nan")), "not finite"),
    ],
)
def test_bytes_that_are_no_checkpoint_are_refused_and_change_nothing(damage, said):
    fleet = FleetFilter([cell_with(1)])
    before = fleet.checkpoint(0)

    with pytest.raises(BadCheckpoint, match=said):
        fleet.restore(0, damage(whole_checkpoint()))

    assert fleet.checkpoint(0) == before
