"""Columns of numbers as Parquet files, and files that go with the records they belong to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete

from prognosis.models import Forecaster, ForecastRun, SupportFile
from uploads.storage import remove_once_committed

if TYPE_CHECKING:
    import numpy as np

RUN_FILES = ("profile", "history_file", "load_file", "result_file")


def as_parquet(columns: Mapping[str, np.ndarray]) -> ContentFile[bytes]:
    import pyarrow as pa  # noqa: PLC0415  (0.2 s; a web process boots without it)
    import pyarrow.parquet as pq  # noqa: PLC0415  (as above)

    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return ContentFile(buffer.getvalue())


def from_parquet(file: IO[bytes] | FieldFile) -> dict[str, np.ndarray]:
    """Columns by name, in the order of the file."""
    import pyarrow.parquet as pq  # noqa: PLC0415  (0.2 s; a web process boots without it)

    with file.open("rb") if isinstance(file, FieldFile) else file as opened:
        table = pq.read_table(opened)
    return {name: table.column(name).to_numpy() for name in table.column_names}


def put_file(file: FieldFile, name: str, content: ContentFile[bytes]) -> None:
    """Stores a run's file in place of what an earlier try left there, of which the record may not know."""
    file.storage.delete(file.field.generate_filename(file.instance, name))
    file.save(name, content, save=False)


def remove_files_with_their_records() -> None:
    """A deleted record's files go once its deletion is committed; Django leaves them by itself."""
    post_delete.connect(_remove_script, Forecaster, dispatch_uid="prognosis.remove_script")
    post_delete.connect(_remove_support_file, SupportFile, dispatch_uid="prognosis.remove_support_file")
    post_delete.connect(_remove_run_files, ForecastRun, dispatch_uid="prognosis.remove_run_files")


def _remove_script(sender: type, instance: Forecaster, **_: Any) -> None:
    remove_once_committed(instance.script)


def _remove_support_file(sender: type, instance: SupportFile, **_: Any) -> None:
    remove_once_committed(instance.file)


def _remove_run_files(sender: type, instance: ForecastRun, **_: Any) -> None:
    remove_files_of(instance)


def remove_files_of(run: ForecastRun) -> None:
    for name in RUN_FILES:
        remove_once_committed(getattr(run, name))
