"""The rows of a fit, out of a battery's table or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datahub.models import Battery
from datahub.queries import in_blocks
from datahub.readers import FileOfRows, open_rows
from twin.errors import FitRefused
from twin.fitting.wishes import MOST_ROWS, FitRequest

NEEDED = ("test_time", "current", "voltage")
OPTIONAL = ("temperature",)
BLOCK_ROWS = 20_000


@dataclass(frozen=True)
class Gathered:
    """Columns by the names above; `temperature` only where there is one. Row ids only of a battery."""

    columns: dict[str, np.ndarray]
    source: str
    left: int  # rows that were asked for beyond the most that a fit takes; -1 where nobody counted them
    first_row_id: int | None = None
    last_row_id: int | None = None

    def __len__(self) -> int:
        return len(self.columns["test_time"])


def rows_of_battery(battery: Battery, asked: FitRequest) -> Gathered:
    """Raises FitRefused where a needed column holds text; a temperature of text is left out."""
    spelled = {name.lower(): name for name in battery.columns}
    texts = {name for name, given in spelled.items() if battery.columns[given] == "text"}
    if unusable := [spelled[name] for name in NEEDED if name in texts]:
        raise FitRefused(
            f"Battery {battery.name!r} holds text in {', '.join(unusable)}; a fit needs numbers.",
            hint="Send these rows as numbers to another battery, or fit a file that has numbers.",
            fields={"battery": [f"It holds text in {', '.join(unusable)}."]},
        )
    kept = [spelled[name] for name in (*NEEDED, *OPTIONAL) if name in spelled and name not in texts]
    blocks = (
        {"row_id": block.ids, **{name.lower(): values for name, values in block.columns.items()}}
        for block in in_blocks(battery, columns=kept, rows=BLOCK_ROWS, start=asked.start, end=asked.end)
    )
    columns, left = _taken(blocks, asked)
    ids = columns.pop("row_id", np.empty(0, dtype=np.int64))
    first, last = (int(ids[0]), int(ids[-1])) if len(ids) else (None, None)
    return Gathered(columns, battery.name, left, first, last)


def rows_of_file(path: Path, asked: FitRequest, opened: Callable[[Path], FileOfRows] = open_rows) -> Gathered:
    """Raises FileUnreadable, and FitRefused for a file without the needed columns.

    A stranger's file is `opened` by datahub.readers.apart.
    """
    rows = opened(path)
    try:
        names = {name.lower(): name for name in rows.names.values()}
        missing = [name for name in NEEDED if name not in names]
        if missing:
            raise FitRefused(
                f"{path.name} has no column {', '.join(missing)}.",
                hint=f"It has {', '.join(rows.names.values()) or 'none'}; name them test_time, current and voltage.",
            )
        wanted = {name: names[name] for name in (*NEEDED, *OPTIONAL) if name in names}
        columns, left = _taken(_within(_numbers(rows.chunks(BLOCK_ROWS), wanted), asked), asked)
    finally:
        rows.close()
    return Gathered(columns, path.name, left)


def _numbers(chunks: Iterable[Mapping[str, list[Any]]], wanted: Mapping[str, str]) -> Iterator[dict[str, np.ndarray]]:
    for chunk in chunks:
        try:
            yield {name: np.array(chunk[spelled], dtype=np.float64) for name, spelled in wanted.items()}
        except (TypeError, ValueError):
            raise FitRefused(
                "A column of time, current, voltage or temperature holds text.", hint="Make it a column of numbers."
            ) from None


def _within(blocks: Iterable[dict[str, np.ndarray]], asked: FitRequest) -> Iterator[dict[str, np.ndarray]]:
    for block in blocks:
        time = block["test_time"]
        inside = np.ones(len(time), dtype=bool)
        if asked.start is not None:
            inside &= time >= asked.start
        if asked.end is not None:
            inside &= time < asked.end
        yield {name: values[inside] for name, values in block.items()}


def _taken(blocks: Iterable[dict[str, np.ndarray]], asked: FitRequest) -> tuple[dict[str, np.ndarray], int]:
    """The rows from `first_row` to `end_row`, at most as many as a fit takes."""
    end = asked.first_row + MOST_ROWS if asked.end_row is None else min(asked.end_row, asked.first_row + MOST_ROWS)
    parts: list[dict[str, np.ndarray]] = []
    seen = left = 0
    for block in blocks:
        length = len(block["test_time"])
        low, high = max(asked.first_row - seen, 0), min(end - seen, length)
        if high > low:
            parts.append({name: values[low:high] for name, values in block.items()})
        seen += length
        if seen > end:
            left = -1 if asked.end_row is None or asked.end_row > end else 0
            break
    if not parts:
        raise FitRefused(
            f"There are no such rows: {seen} were found in this span of time.",
            hint="Leave start, end and rows empty to use all.",
            fields={"first_row": [f"There are {seen} rows in this span."]},
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, left
