"""The next rows of many batteries end to end in columns, as the filter of a fleet takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datahub.queries import RowBlock
from energykit.ukf import FleetRows
from twin.estimation.sieve import sift_fleet
from twin.estimation.work import Chunk, numbers
from twin.models import EstimatorProgress, Recomputation


@dataclass(frozen=True)
class FleetChunk:
    """A chunk of each track, and the usable rows of all of them in `rows`."""

    chunks: list[Chunk]
    rows: FleetRows


def fleet_chunk(
    tracks: Sequence[EstimatorProgress | Recomputation], blocks: Sequence[RowBlock], limit: int
) -> FleetChunk:
    """`blocks`: test_time, current, voltage, and the temperature where it counts, up to `limit` rows of each track."""
    starts = _starts([len(block) for block in blocks])
    columns = _columns(blocks)
    time, current, voltage, *_ = columns
    sifted = sift_fleet(starts, time, current, voltage, [track.latest_time for track in tracks])
    chunks = [
        Chunk(track, block, each, len(block) < limit) for track, block, each in zip(tracks, blocks, sifted, strict=True)
    ]
    usable = _starts([len(each.usable) for each in sifted])
    if usable[-1] < starts[-1]:
        kept = np.concatenate([start + each.usable for start, each in zip(starts.tolist(), sifted, strict=False)])
        columns = [column[kept] for column in columns]
    return FleetChunk(chunks, FleetRows(usable, *columns))


def _starts(lengths: Sequence[int]) -> np.ndarray:
    starts = np.zeros(len(lengths) + 1, dtype=np.intp)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _columns(blocks: Sequence[RowBlock]) -> list[np.ndarray]:
    """Three or, where any battery has a temperature, four; NaN for those that have none."""
    each = [tuple(block.columns.values()) for block in blocks]
    columns = [np.concatenate([numbers(values[place]) for values in each]) for place in range(3)]
    if any(len(values) > 3 for values in each):
        unknown = [numbers(values[3]) if len(values) > 3 else np.full(len(values[0]), np.nan) for values in each]
        columns.append(np.concatenate(unknown))
    return columns
