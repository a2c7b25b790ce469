"""Register an estimator: the one verb behind the seed path, REST and the admin. And what can be done with it after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import connection, transaction
from django.db.models import Max, Q

from access.auditing import note
from datahub.models import Battery
from datahub.registration import battery_for_upload
from jobs.models import State
from twin import tables
from twin.dropping import before_the_first_row
from twin.errors import NoSuchKind, NoSuchParameterSet, NoSuchPreset, NotFailed, ParametersRefused
from twin.estimation.replacing import give_up_recomputation
from twin.models import (
    SCRIPT_NAME,
    Checkpoint,
    Estimator,
    EstimatorProgress,
    ParameterSet,
    Recomputation,
    SupportFile,
)
from twin.states import Kind, Stored
from twin.validators import check_required_time, check_script, check_support_files
from twin.versions import arrive, queue_load


def register_estimator(
    *,
    battery_name: str,
    kind: str = Kind.SCRIPT,
    definition: str | bytes = "",
    files: Sequence[File] = (),
    required_time: Any = None,
    parameters: Mapping[str, Any] | None = None,
    preset: str = "",
    parameter_set: ParameterSet | int | None = None,
    promote_when_caught_up: bool = True,
    registered_by: Any = None,
) -> Estimator:
    """Makes the next version of a battery's estimator; the battery need not exist, it is then waited for.

    A script (`definition`, `files`, `required_time`) is checked for syntax now and loaded by a worker later. The
    built-in filter (`parameters`, `parameter_set`, `preset` or several, the former counting more) can be stepped at
    once. Where another version works already, that one stays current until the new one has replayed the stored rows;
    then it is replaced by itself, or by hand without `promote_when_caught_up`. Raises ScriptRefused,
    SupportFileRefused, RequiredTimeRefused, ParametersRefused, NoSuchPreset, NoSuchParameterSet, NoSuchKind or
    datahub's BadBatteryName before anything is stored.
    """
    told = {"registered_by": registered_by, "promote_when_caught_up": promote_when_caught_up}
    if kind == Kind.SCRIPT:
        return _register_script(battery_name, definition, files, required_time, told)
    if kind == Kind.JOINT_UKF:
        fitted = _parameter_set(parameter_set)
        complete = checked_parameters(parameters, preset, fitted)
        return _register_joint_filter(battery_name, complete, {**told, "parameter_set": fitted})
    raise NoSuchKind(kind)


def _parameter_set(given: ParameterSet | int | None) -> ParameterSet | None:
    if given is None or isinstance(given, ParameterSet):
        return given
    found = ParameterSet.objects.filter(pk=given).first()
    if found is None:
        raise NoSuchParameterSet(given)
    return found


def checked_parameters(
    parameters: Mapping[str, Any] | None, preset: str = "", fitted: ParameterSet | None = None
) -> dict[str, Any]:
    """A complete mapping for the built-in filter; raises ParametersRefused with each complaint at its field."""
    from energykit.errors import InvalidParameters  # noqa: PLC0415  (numpy; a web process boots without it)
    from energykit.presets import PRESETS, REFERENCE_CAPACITY_AH  # noqa: PLC0415  (as above)
    from energykit.ukf import JointFilterParameters  # noqa: PLC0415  (as above)

    wishes = dict(parameters or {})
    if preset:
        if preset not in PRESETS:
            raise NoSuchPreset(preset, sorted(PRESETS))
        capacity: Any = wishes.get("capacity_ah")
        fits = isinstance(capacity, int | float) and not isinstance(capacity, bool) and capacity > 0
        # Resistances go with the capacity; one that is none is refused below.
        typical = PRESETS[preset].parameters(capacity if fits else REFERENCE_CAPACITY_AH)
        # A fit is complete: of a preset beside it nothing is left.
        wishes = {**typical, **wishes} if fitted is None else wishes
    if fitted is not None:
        wishes = {**fitted.parameters, **wishes}
    try:
        return JointFilterParameters.from_mapping(wishes).to_mapping()
    except InvalidParameters as wrong:
        raise ParametersRefused(wrong.fields) from None


def retry_estimator(estimator: Estimator, requested_by: Any = None) -> Estimator:
    """Lets a failed one go on where it stopped, or load again where it never ran; raises NotFailed.

    One whose recomputation stopped begins that anew.
    """
    with transaction.atomic():
        job_gave_up = Q(start_job=None) | Q(start_job__state__in=(State.FAILED, State.CANCELLED))
        has_stopped = ~Q(error="") | Q(needs_start=True) & job_gave_up
        stopped = Recomputation.objects.filter(has_stopped, pk=estimator.pk)
        EstimatorProgress.objects.select_for_update().filter(pk=estimator.pk).first()
        if stopped.exists():
            give_up_recomputation(estimator)
            if estimator.state != Stored.FAILED:
                return estimator
        found = Estimator.objects.select_for_update(of=("self",)).select_related("load_job").get(pk=estimator.pk)
        gave_up = found.load_job is not None and found.load_job.state in (State.FAILED, State.CANCELLED)
        if found.state != Stored.FAILED and not (found.state == Stored.WAITING and gave_up):
            raise NotFailed(str(found), found.state)
        begun = EstimatorProgress.objects.filter(pk=found.pk).exclude(checkpoint=None).exists()
        has_seen_rows = found.progress.rows_seen > found.battery.dropped_rows
        found.state = Stored.READY if begun and has_seen_rows else Stored.WAITING
        found.last_error = found.traceback = ""
        found.error_line = found.error_row = None
        found.save(update_fields=["state", "last_error", "traceback", "error_line", "error_row"])
        note("retried", found)
        if not begun:
            queue_load(found, requested_by)
    return found


def _register_script(
    battery_name: str, definition: str | bytes, files: Sequence[File], required_time: Any, told: dict[str, Any]
) -> Estimator:
    content = check_script(definition).encode()
    check_support_files(files)
    seconds = check_required_time(required_time)
    with transaction.atomic():
        estimator = _next_version(battery_name, kind=Kind.SCRIPT, required_time=seconds, **told)
        estimator.script_sha256 = hashlib.sha256(content).hexdigest()
        estimator.script.save(SCRIPT_NAME, ContentFile(content), save=False)
        estimator.save()
        EstimatorProgress.objects.create(estimator=estimator, **before_the_first_row(estimator.battery))
        for file in files:
            SupportFile(estimator=estimator).keep(file)
        queue_load(estimator, told["registered_by"])
    return estimator


def _register_joint_filter(battery_name: str, parameters: dict[str, Any], told: dict[str, Any]) -> Estimator:
    from energykit.ukf import FleetFilter, JointFilterParameters  # noqa: PLC0415  (numpy, as above)
    from twin.estimation.libraries import own_libraries  # noqa: PLC0415  (beside numpy's users)

    of_cell = JointFilterParameters.from_mapping(parameters)
    start = FleetFilter([of_cell]).checkpoint(0)
    with transaction.atomic():
        estimator = _next_version(battery_name, kind=Kind.JOINT_UKF, parameters=parameters, **told)
        estimator.library_versions = own_libraries()
        estimator.entry = Kind.JOINT_UKF
        estimator.save()
        EstimatorProgress.objects.create(
            estimator=estimator,
            state_names=list(of_cell.state_names),
            checkpoint=start,
            reference_capacity=of_cell.capacity_ah,
            **before_the_first_row(estimator.battery),
        )
        Checkpoint.objects.create(estimator=estimator, checkpoint=start, reference_capacity=of_cell.capacity_ah)
        tables.create(connection, estimator.pk, of_cell.state_names)
        arrive(estimator)
    return estimator


def _next_version(battery_name: str, **values: Any) -> Estimator:
    # Of two registrations at the same moment the second waits here: on PostgreSQL for the row, on SQLite for the file.
    battery = Battery.objects.select_for_update().get(pk=battery_for_upload(battery_name).pk)
    newest = Estimator.objects.filter(battery=battery).aggregate(Max("version"))["version__max"] or 0
    return Estimator(battery=battery, version=newest + 1, **values)
