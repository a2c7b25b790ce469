"""Estimates as columns, for JSON, CSV and Parquet."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from datahub.windows import Window
from twin.models import Estimator
from twin.queries import EstimateBlock, estimates, series_of

if TYPE_CHECKING:
    import numpy as np

ROWS_AT_ONCE = 20_000
PIECE_BYTES = 1 << 16


def columns_of_block(block: EstimateBlock) -> dict[str, np.ndarray]:
    """Each state's mean under its column's name, its standard deviation as `…_sd`, the covariance as `cov_i_j`."""
    columns = {"row_id": block.row_ids, "test_time": block.test_time}
    deviations = block.standard_deviations
    for place, name in enumerate(block.columns):
        columns[name] = block.means[:, place]
        columns[f"{name}_sd"] = deviations[:, place]
    states = len(block.state_names)
    pairs = [(row, column) for row in range(states) for column in range(row, states)]
    for place, (row, column) in enumerate(pairs):
        columns[f"cov_{row}_{column}"] = block.covariances[:, place]
    columns |= {
        "predicted_voltage": block.predicted_voltage,
        "innovation": block.innovation,
        "innovation_variance": block.innovation_variance,
        "computed": block.computed,
    }
    return columns


def as_lists(columns: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    """As JSON takes them: what is not known is null."""
    return {
        name: [None if isinstance(value, float) and not math.isfinite(value) else value for value in values.tolist()]
        for name, values in columns.items()
    }


def as_records(columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    lists = as_lists(columns)
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def as_csv(estimator: Estimator, window: Window) -> Iterator[bytes]:
    for number, block in enumerate(_blocks(estimator, window)):
        columns = as_lists(columns_of_block(block))
        lines = [",".join(columns)] if number == 0 else []
        rows = zip(*columns.values(), strict=True)
        lines += [",".join("" if value is None else repr(value) for value in row) for row in rows]
        yield ("\n".join(lines) + "\n").encode()


def as_parquet(estimator: Estimator, window: Window) -> Iterator[bytes]:
    import pyarrow as pa  # noqa: PLC0415  (0.2 s; a web process boots without it)
    import pyarrow.parquet as pq  # noqa: PLC0415  (as above)

    with tempfile.TemporaryFile() as file:
        tables = (pa.table(columns_of_block(block)) for block in _blocks(estimator, window))
        first = next(tables)
        with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
            for table in chain([first], tables):
                writer.write_table(table)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _blocks(estimator: Estimator, window: Window) -> Iterator[EstimateBlock]:
    """All estimates of a window, block by block and at least one, so that a download of any size fits in memory.

    Raises SeriesReplaced, which breaks the download off, where late rows had them replaced after the first block.
    """
    left, first, series = window.limit, True, series_of(estimator)
    place: dict[str, Any] = {"after_row": window.after}
    while left is None or left > 0:
        most = ROWS_AT_ONCE if left is None else min(ROWS_AT_ONCE, left)
        block = estimates(estimator, start=window.start, end=window.end, **place, limit=most)
        if series_of(estimator) != series:
            if not first:
                raise SeriesReplaced
            series = series_of(estimator)
            continue
        if len(block) or first:
            yield block
        if len(block) < most:
            return
        first, place = False, {"after": block.end}
        left = None if left is None else left - len(block)


class SeriesReplaced(Exception):
    """A file would hold estimates of two series: it is broken off, and asked for once more it is whole."""
