"""Read an imported file chunk by chunk and store its rows, each chunk in a transaction of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from datahub.errors import BatteryDeleted, MetadataRefused
from datahub.ingest.storing import StoreResult, store_columns
from datahub.models import Battery, DataImport
from datahub.readers import FileOfRows
from datahub.readers.apart import open_rows_apart
from datahub.registration import battery_for_upload, finish, update_metadata

SHOWN_REJECTIONS = 100
ENDINGS = (".csv", ".tsv", ".txt", ".bdf", ".parquet", ".h5", ".hdf", ".hdf5", ".gz", ".zip")  # of data files


class Progress(Protocol):
    """What a job's report offers here; both raise when the job was cancelled."""

    def progress(self, fraction: float, message: str = "") -> None: ...

    def log(self, line: str) -> None: ...


class Counts:
    """Of the file's rows; what an earlier run of the same import stored is stored by it, and not repeated."""

    def __init__(self, stored_before: int = 0) -> None:
        self.read = self.repeated = self.rejected = 0
        self.stored = self._to_come_again = stored_before

    def add(self, rows: int, result: StoreResult) -> None:
        again = min(result.repeated, self._to_come_again)
        self._to_come_again -= again
        self.read += rows
        self.stored += result.stored
        self.repeated += result.repeated - again
        self.rejected += len(result.rejected)

    def as_map(self) -> dict[str, int]:
        return {"read": self.read, "stored": self.stored, "repeated": self.repeated, "rejected": self.rejected}

    def __str__(self) -> str:
        return f"{self.stored} rows stored, {self.repeated} were there already, {self.rejected} refused"


def run_import(data_import: DataImport, report: Progress) -> Counts:
    """Stores the file's rows and takes its metadata where the battery has none.

    Raises FileUnreadable, StoreBusy, BatteryDeleted.

    Rows stored before a failure or a cancellation stay; running it again stores the others.
    """
    kinds = data_import.battery.columns if data_import.battery else {}
    rows = open_rows_apart(Path(data_import.file.path), kinds)
    counts = Counts(data_import.rows_stored)  # by runs of this import that were taken over or cancelled
    try:
        battery = data_import.battery or _battery_of(rows, data_import.file_name)
        _remember(
            data_import,
            battery=battery,
            format=rows.format,
            rows_in_file=rows.rows,
            columns=rows.names,
            skipped_columns=rows.skipped,
            rows_read=0, rows_repeated=0, rows_rejected=0, first_rejections=[], error="",
        )  # fmt: skip
        report.log(f"{rows.format}, {rows.rows} rows, columns {', '.join(rows.names.values()) or 'none'}.")
        for name, why in rows.skipped.items():
            report.log(f"Column {name!r} is left out: it {why}.")
        _take_metadata(battery, rows, report)
        _store(data_import, battery, rows, counts, report)
        if counts.stored and _has_no_others(battery, counts):
            finish(battery)
            report.log("The test is marked as finished, so that silence is no alarm; reopen it where rows will come.")
        return counts
    finally:
        rows.close()


def _has_no_others(battery: Battery, counts: Counts) -> bool:
    """Whether all rows that the battery has by now are in the file; a file may hold one more than once."""
    return Battery.objects.filter(pk=battery.pk, rows__lte=counts.stored + counts.repeated).exists()


def _battery_of(rows: FileOfRows, file_name: str) -> Battery:
    named = (rows.metadata or {}).get("name")
    if isinstance(named, str) and named:
        return battery_for_upload(named)
    return battery_for_upload(_without_endings(file_name))


def _without_endings(file_name: str) -> str:
    """`cell_0.5C.bdf.csv` is `cell_0.5C`: only known endings go, since names of cells have dots too."""
    name = Path(file_name)
    while name.suffix.lower() in ENDINGS:
        name = name.with_suffix("")
    return name.name


def _take_metadata(battery: Battery, rows: FileOfRows, report: Progress) -> None:
    if battery.metadata is not None or rows.metadata is None:
        return
    try:
        update_metadata(battery, rows.metadata)
    except MetadataRefused as refused:
        report.log(f"The file's metadata was left out. {refused.message}")


def _store(data_import: DataImport, battery: Battery, rows: FileOfRows, counts: Counts, report: Progress) -> None:
    shown: list[dict[str, Any]] = []
    for chunk in rows.chunks():
        report.progress(counts.read / max(rows.rows, 1), f"{counts.read} of {rows.rows} rows")
        result = store_columns(battery.name, chunk, partial=True, battery_id=battery.pk)
        shown += [
            {**rejection.as_map(), "index": counts.read + rejection.index}
            for rejection in result.rejected[: SHOWN_REJECTIONS - len(shown)]
        ]
        counts.add(len(next(iter(chunk.values()), [])), result)
        _remember(
            data_import,
            rows_read=counts.read,
            rows_stored=counts.stored,
            rows_repeated=counts.repeated,
            rows_rejected=counts.rejected,
            first_rejections=shown,
        )
    report.log(f"{counts}.")


def _remember(data_import: DataImport, **values: Any) -> None:
    for name, value in values.items():
        setattr(data_import, name, value)
    if not DataImport.objects.filter(pk=data_import.pk).update(**values):  # it went with its battery
        raise BatteryDeleted(str(data_import.battery))


def note_failure(data_import: DataImport, why: str) -> None:
    DataImport.objects.filter(pk=data_import.pk).update(error=why)
