"""What /online/status answers: one query, read as plain values, as 10,000 records of three models take seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from struct import unpack
from typing import Any, NamedTuple, cast

from django.db.models import Exists, OuterRef, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from twin.models import NOT_JUDGED, Estimator
from twin.queries import current_or_newest, unpacked
from twin.states import Kind, condition_of, rows_behind


class BatteryFacts(NamedTuple):
    """What a condition needs of a battery; maps are JSON text."""

    name: str
    rows: int
    first_test_time: float | None
    last_test_time: float | None
    columns_text: str

    @property
    def columns(self) -> dict[str, Any]:
        return parsed(self.columns_text)


class ProgressFacts(NamedTuple):
    """The same of how far an estimator has come."""

    rows_seen: int
    rows_stepped: int
    late_from: float | None
    latest_time: float | None
    is_inconsistent: bool
    steps_per_second: float | None
    mean: bytes | None
    covariance: bytes | None
    state_names_text: str
    sentence: str | None  # of the verdict
    rows_skipped_text: str

    @property
    def rows_skipped(self) -> dict[str, Any]:
        return parsed(self.rows_skipped_text)

    @property
    def consistency(self) -> str:
        return NOT_JUDGED if self.sentence is None else self.sentence


class EstimatorFacts(NamedTuple):
    state: str
    kind: str
    version: int
    is_current: bool
    followed: bool
    promote_when_caught_up: bool
    required_time: float
    entry: str
    error_row: int | None
    last_error: str
    newer_failed: bool
    battery: BatteryFacts
    progress: ProgressFacts

    @property
    def is_script(self) -> bool:
        return self.kind == Kind.SCRIPT


TEXTS = {
    "columns_text": Cast("battery__columns", TextField()),
    "state_names_text": Cast("progress__state_names", TextField()),
    "rows_skipped_text": Cast("progress__rows_skipped", TextField()),
    "sentence": KeyTextTransform("sentence", "progress__verdict"),
}
OF_ESTIMATOR, OF_BATTERY, OF_PROGRESS = (
    EstimatorFacts._fields[:-2], BatteryFacts._fields, ProgressFacts._fields,
)  # fmt: skip


def online_status() -> Iterator[tuple[str, dict[str, Any]]]:
    """(battery's name, status), in order of the names."""
    failed = Estimator.objects.filter(battery=OuterRef("battery"), version__gt=OuterRef("version"), state="failed")
    found = current_or_newest(Estimator.objects).annotate(newer_failed=Exists(failed), **TEXTS)
    fields = [
        *OF_ESTIMATOR,
        *(name if name in TEXTS else f"battery__{name}" for name in OF_BATTERY),
        *(name if name in TEXTS else f"progress__{name}" for name in OF_PROGRESS),
    ]
    first, second = len(OF_ESTIMATOR), len(OF_ESTIMATOR) + len(OF_BATTERY)
    for row in found.order_by("battery__name").values_list(*fields).iterator():
        battery = BatteryFacts(*row[first:second])
        progress = ProgressFacts(*row[second:])
        yield battery.name, _status_of(EstimatorFacts._make((*row[:first], battery, progress)))


def _status_of(estimator: EstimatorFacts) -> dict[str, Any]:
    """A list that is empty, or null, would end ROVI's own client; so what is not known is left out."""
    progress = estimator.progress
    record = cast(Estimator, estimator)  # it has all that is looked at for a condition
    names = parsed(progress.state_names_text)
    is_ready = progress.mean is not None
    status: dict[str, Any] = {"is_ready": is_ready, "state_names": names if is_ready else []}
    if progress.mean is not None and progress.covariance is not None:
        status |= {
            "latest_time": progress.latest_time,
            "mean": _floats(progress.mean),
            "covariance": unpacked(_floats(progress.covariance), len(names)),
        }
    return status | {
        "state": condition_of(record).state,
        "is_inconsistent": progress.is_inconsistent,
        "consistency": progress.consistency,
        "rows_behind": rows_behind(record),
        "last_error": estimator.last_error,
        "version": estimator.version,
        "newer_version_failed": estimator.newer_failed,
    }


def _floats(stored: bytes | memoryview) -> tuple[float, ...]:
    return unpack(f"<{len(stored) // 8}d", stored)


@lru_cache(maxsize=1024)
def parsed(text: str) -> Any:
    """Many estimators have the same columns and states. Nobody changes what is given back."""
    return json.loads(text)
