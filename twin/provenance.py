"""Where one estimate comes from: version, parameters, rows, libraries, when, from which checkpoint it can be redone."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import connection
from django.db.models import Q

from datahub.queries import RowsUpTo, rows_up_to
from twin import tables
from twin.errors import NoSuchEstimate
from twin.models import Checkpoint, Estimator, Recomputed
from twin.retention import full_rate_from
from twin.states import missing_columns


def provenance(estimator: Estimator, row_id: int) -> dict[str, Any]:
    """All that is known of the estimate of a row, as JSON takes it; raises NoSuchEstimate."""
    names = estimator.progress.state_names
    found = tables.select_rows(connection, estimator.pk, names, [row_id]) if names else []
    if not found:
        raise NoSuchEstimate(str(estimator), row_id)
    test_time, computed = float(found[0][1]), found[0][-1]
    return {
        "estimate": {"row_id": row_id, "test_time": test_time, "computed": computed},
        "battery": estimator.battery.name,
        "version": _version(estimator),
        "libraries": libraries_at(estimator, computed),
        "rows": _rows(estimator, test_time, row_id),
        "checkpoint": _checkpoint(estimator, test_time, row_id),
        "recomputed": _recomputed(estimator, test_time, row_id),
    }


def libraries_at(estimator: Estimator, computed: float | None) -> dict[str, str]:
    """Those with which it was stepped at that Unix time, s; as it was loaded where that is not known."""
    if computed is None:
        return dict(estimator.library_versions)
    known = [each["versions"] for each in estimator.library_history if each["since"] <= computed]
    return dict(known[-1] if known else estimator.library_versions)


def _version(estimator: Estimator) -> dict[str, Any]:
    return {
        "id": estimator.pk,
        "version": estimator.version,
        "kind": estimator.kind,
        "entry": estimator.entry,
        "script_sha256": estimator.script_sha256 or None,
        "files": [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in estimator.files.all()],
        "parameters": estimator.parameters,
        "required_time": estimator.required_time,
        "registered": estimator.registered.isoformat(),
        "registered_by": str(estimator.registered_by) if estimator.registered_by else None,
    }


def _rows(estimator: Estimator, test_time: float, row_id: int) -> dict[str, Any]:
    """Rows in order of (test_time, row id) up to this one, as far as the estimator had seen any."""
    progress = estimator.progress
    if missing_columns(estimator.battery.columns):
        found = RowsUpTo(0, 0, None, None, None)
    else:
        found = rows_up_to(estimator.battery, (test_time, row_id), progress.cursor)
    missing = 0
    if progress.late_from is not None and test_time >= progress.late_from:
        place = (test_time, row_id)
        missing = tables.late_rows_missing(
            connection,
            estimator.pk,
            estimator.battery_id,
            progress.late_from,
            place,
            progress.cursor,
            worked_in=estimator.recomputed.values_list("up_to", flat=True).first() or 0,
            full_rate_from=full_rate_from(progress.latest_time),
        )
    return {
        "used": found.usable - missing,
        "first_row_id": found.first_row,
        "last_row_id": found.last_row,
        "first_test_time": found.first_time,
        "not_finite": found.not_finite,
        "late_not_worked_in": missing,
        "skipped_in_all": progress.rows_skipped,
        "deleted_since": estimator.battery.dropped_rows,
        "deleted_until": estimator.battery.dropped_until,
    }


def _checkpoint(estimator: Estimator, test_time: float, row_id: int) -> dict[str, Any] | None:
    """The newest kept one before the estimate: stepping the rows after it gives the estimate once more."""
    before = Q(latest_time__lt=test_time) | Q(latest_time=test_time, latest_row__lt=row_id)
    kept = estimator.checkpoints.filter(is_again=False)
    found = kept.filter(before).order_by("-latest_time", "-latest_row").first() or kept.filter(latest_time=None).first()
    return None if found is None else _told(found, estimator.battery.dropped_until)


def _told(checkpoint: Checkpoint, dropped_until: float | None) -> dict[str, Any]:
    at = checkpoint.latest_time
    return {
        "has_all_rows_after_it": dropped_until is None or (at is not None and at > dropped_until),
        "is_start": checkpoint.latest_time is None,
        "row_id": checkpoint.latest_row or None,
        "test_time": checkpoint.latest_time,
        "estimates_before": checkpoint.rows_stepped,
        "sha256": hashlib.sha256(bytes(checkpoint.checkpoint or b"")).hexdigest(),
        "kept": checkpoint.kept.isoformat(),
    }


def _recomputed(estimator: Estimator, test_time: float, row_id: int) -> dict[str, Any] | None:
    """The newest recomputation that made it, as far as they are remembered."""
    begun = Q(from_time=None) | Q(from_time__lt=test_time) | Q(from_time=test_time, from_row__lt=row_id)
    found: Recomputed | None = estimator.recomputed.filter(begun, up_to__gte=row_id).first()
    if found is None:
        return None
    return {
        "late_from": found.late_time,
        "from_test_time": found.from_time,
        "started": found.started.isoformat(),
        "finished": found.finished.isoformat(),
    }
