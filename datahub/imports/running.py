"""Read an imported file chunk by chunk and store its rows, each chunk in a transaction of its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

from datahub.errors import BatteryDeleted, MetadataRefused
from datahub.imports.judging import Judge
from datahub.imports.mapping import MappedRows, remembered
from datahub.ingest.storing import StoreResult, store_columns
from datahub.models import Battery, DataImport
from datahub.readers import FileOfRows
from datahub.readers.apart import open_rows_apart
from datahub.registration import battery_for_upload, finish, update_metadata
from datahub.units import unit_of

SHOWN_REJECTIONS = 100
SHOWN_ROWS = 20  # of a preview
LONGEST_SHOWN = 200  # characters of a value in it
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
    opened = open_rows_apart(Path(data_import.file.path), kinds)
    counts = Counts(data_import.rows_stored)  # by runs of this import that were taken over or cancelled
    try:
        rows = MappedRows(opened, data_import.mapping)
        battery, is_new = (data_import.battery, False) if data_import.battery else _battery_of(rows, data_import)
        _remember(
            data_import,
            battery=battery,
            made_battery=is_new or data_import.made_battery,
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
        opened.close()


def run_preview(data_import: DataImport, report: Progress) -> dict[str, Any]:
    """Reads the whole file and stores none of it: its columns, its first rows, and what is odd about the rest.

    Raises FileUnreadable.
    """
    rows = open_rows_apart(Path(data_import.file.path))
    try:
        judge = Judge()
        first: dict[str, list[Any]] = {}
        for chunk in rows.chunks():
            first = first or {name: values[:SHOWN_ROWS] for name, values in chunk.items()}
            judge.see(chunk)
            report.progress(judge.rows / max(rows.rows, 1), f"{judge.rows} of {rows.rows} rows")
        chosen = remembered(data_import.requested_by, rows.names)
        columns = [
            {
                "label": label, "name": chosen.get(label, {}).get("name", name), "found_as": name,
                "conversion": chosen.get(label, {}).get("conversion", ""), "unit": unit_of(name),
                "values": [_readable(value) for value in first.get(name, [])],
            }
            for label, name in rows.names.items()
        ]  # fmt: skip
        named = (rows.metadata or {}).get("name")
        preview = {
            "columns": columns,
            "battery": data_import.battery.name if data_import.battery else _name_in(rows, data_import.file_name),
            "names_battery": isinstance(named, str) and bool(named),
            "is_remembered": bool(chosen),
        }
        _remember(
            data_import, format=rows.format, rows_in_file=rows.rows, skipped_columns=rows.skipped, preview=preview,
            report=judge.report(), error="",
        )  # fmt: skip
        report.log(f"{rows.format}, {rows.rows} rows. Nothing is stored before somebody has looked at it.")
        return {"rows": rows.rows, "findings": len(judge.findings())}
    finally:
        rows.close()


def _readable(value: Any) -> Any:
    """As JSON and PostgreSQL take it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str | bytes):
        text = value if isinstance(value, str) else repr(value)
        return text[:LONGEST_SHOWN].replace("\0", "")
    return value


def _has_no_others(battery: Battery, counts: Counts) -> bool:
    """Whether all rows that the battery has by now are in the file; a file may hold one more than once."""
    return Battery.objects.filter(pk=battery.pk, rows__lte=counts.stored + counts.repeated).exists()


def _battery_of(rows: FileOfRows, data_import: DataImport) -> tuple[Battery, bool]:
    """And whether it is new."""
    name = _name_in(rows, data_import.file_name)
    is_new = not Battery.objects.filter(name=name).exists()
    return battery_for_upload(name), is_new


def _name_in(rows: FileOfRows, file_name: str) -> str:
    named = (rows.metadata or {}).get("name")
    return named if isinstance(named, str) and named else _without_endings(file_name)


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
    judge = Judge()
    shown: list[dict[str, Any]] = []
    for chunk in rows.chunks():
        judge.see(chunk)
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
    for finding in judge.findings():
        report.log(finding.sentence)
    _remember(data_import, report=judge.report())


def _remember(data_import: DataImport, **values: Any) -> None:
    for name, value in values.items():
        setattr(data_import, name, value)
    if not DataImport.objects.filter(pk=data_import.pk).update(**values):  # it went with its battery
        raise BatteryDeleted(str(data_import.battery))


def note_failure(data_import: DataImport, why: str) -> None:
    DataImport.objects.filter(pk=data_import.pk).update(error=why)
