"""Jobs and duties of this room."""

from __future__ import annotations

from typing import Any

from access.errors import Refused
from datahub.charting.summarising import Summarising
from datahub.imports.requesting import KIND, PREVIEW_KIND
from datahub.models import DataImport
from datahub.retention import drop_old_rows
from jobs.registry import duty, job
from jobs.running.report import Report


@job(KIND, title="Import a data file")
def import_file(report: Report, import_id: int) -> dict[str, Any]:
    from datahub.imports.running import note_failure, run_import  # noqa: PLC0415  (numpy; a web process boots without)

    data_import = DataImport.objects.select_related("battery").get(pk=import_id)
    try:
        counts = run_import(data_import, report)
    except Refused as refused:
        note_failure(data_import, refused.message)
        raise
    return {"battery": str(data_import.battery), **counts.as_map()}


@job(PREVIEW_KIND, title="Look at a data file")
def preview_import(report: Report, import_id: int) -> dict[str, Any]:
    from datahub.imports.running import note_failure, run_preview  # noqa: PLC0415  (as above)

    data_import = DataImport.objects.select_related("battery", "requested_by").get(pk=import_id)
    try:
        return run_preview(data_import, report)
    except Refused as refused:
        note_failure(data_import, refused.message)
        raise


duty("charts")(Summarising().step)
duty("retention of rows")(drop_old_rows)
