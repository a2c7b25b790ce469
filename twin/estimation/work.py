"""Which estimators have rows waiting, and the rows themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import F

from datahub.models import Battery
from datahub.queries import RowBlock, rows_after
from twin.estimation.sieve import NEEDED, Sifted, sift
from twin.models import Estimator
from twin.states import Stored, missing_columns

KNOWN_TO_SCRIPTS = (*NEEDED, "temperature")


def with_rows_waiting(kind: str, limit: int) -> list[int]:
    """Ids of the current estimators of a kind whose battery has rows for them, the longest unserved first."""
    found = (
        Estimator.objects.filter(
            kind=kind,
            is_current=True,
            state__in=(Stored.WAITING, Stored.READY),
            battery__rows__gt=F("progress__rows_seen"),
        )
        .order_by("progress__updated")
        .select_related("battery")
        .only("pk", "battery__columns")[:limit]
    )
    return [estimator.pk for estimator in found if not missing_columns(estimator.battery.columns)]


def with_progress(estimator_ids: Collection[int]) -> list[Estimator]:
    """The estimators as they stand after they were claimed."""
    found = Estimator.objects.filter(pk__in=estimator_ids).select_related("battery", "progress").order_by("pk")
    return list(found.defer("battery__metadata", "parameters", "traceback"))


@dataclass(frozen=True)
class Chunk:
    """Rows after an estimator's cursor, in order of arrival, of which `sifted.usable` may be stepped."""

    block: RowBlock
    sifted: Sifted
    latest_time: float | None  # before these rows

    def __len__(self) -> int:
        return len(self.block)

    def needed(self, name: str) -> np.ndarray:
        return _needed(self.block.columns, name)

    def usable(self, name: str) -> np.ndarray:
        return self.block.columns[name][self.sifted.usable]

    def up_to(self, usable_rows: int) -> tuple[int, Counter[str], float | None]:
        """If only so many of the usable rows are taken: rows seen, those skipped among them by reason, late_from."""
        if usable_rows >= len(self.sifted.usable):
            return len(self), self.sifted.skipped, self.sifted.late_from
        seen = int(self.sifted.usable[usable_rows])
        time, current, voltage = (self.needed(name)[:seen] for name in NEEDED)
        begun = sift(time, current, voltage, self.latest_time)
        return seen, begun.skipped, begun.late_from

    def id_before(self, seen: int, cursor: int) -> int:
        return int(self.block.ids[seen - 1]) if seen else cursor


def next_chunk(estimator: Estimator, limit: int, columns: Sequence[str] | None = None) -> Chunk:
    """`columns` None: all that the battery has."""
    progress = estimator.progress
    block = rows_after(estimator.battery, progress.cursor, limit, columns)
    time, current, voltage = (_needed(block.columns, name) for name in NEEDED)
    sifted = sift(time, current, voltage, progress.latest_time)
    return Chunk(block, sifted, progress.latest_time)


def needed_columns(battery: Battery) -> list[str]:
    """test_time, current and voltage as this battery spells them."""
    spelled = {name.lower(): name for name in battery.columns}
    return [spelled[name] for name in NEEDED]


def as_scripts_know_them(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns under battery-data-toolkit's names where a battery spells these otherwise, such as `Voltage`."""
    return {name.lower() if name.lower() in KNOWN_TO_SCRIPTS else name: values for name, values in columns.items()}


def _needed(columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    found = next(values for spelled, values in columns.items() if spelled.lower() == name)
    # A text column can be called `voltage`: none of its rows has a number there.
    return np.full(len(found), np.nan) if found.dtype == object else found
