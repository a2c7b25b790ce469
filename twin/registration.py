"""Register an estimator: the one verb behind the seed path, REST and the admin. And what can be done with it after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import connection, transaction
from django.db.models import Max

from datahub.models import Battery
from datahub.registration import battery_for_upload
from twin import tables
from twin.errors import CannotBeCurrent, NoSuchKind, NoSuchPreset, NotFailed, ParametersRefused
from twin.models import SCRIPT_NAME, Estimator, EstimatorProgress, SupportFile
from twin.states import Kind, Stored
from twin.validators import check_required_time, check_script, check_support_files
from twin.versions import make_current, queue_load


def register_estimator(
    *,
    battery_name: str,
    kind: str = Kind.SCRIPT,
    definition: str | bytes = "",
    files: Sequence[File] = (),
    required_time: Any = None,
    parameters: Mapping[str, Any] | None = None,
    preset: str = "",
    registered_by: Any = None,
) -> Estimator:
    """Makes the next version of a battery's estimator; the battery need not exist, it is then waited for.

    A script (`definition`, `files`, `required_time`) is checked for syntax now and loaded by a worker later: it becomes
    current once that has worked. The built-in filter (`parameters`, `preset` or both, the former counting more) is
    current at once. Raises ScriptRefused, SupportFileRefused, RequiredTimeRefused, ParametersRefused, NoSuchPreset,
    NoSuchKind or datahub's BadBatteryName before anything is stored.
    """
    if kind == Kind.SCRIPT:
        return _register_script(battery_name, definition, files, required_time, registered_by)
    if kind == Kind.JOINT_UKF:
        return _register_joint_filter(battery_name, checked_parameters(parameters, preset), registered_by)
    raise NoSuchKind(kind)


def checked_parameters(parameters: Mapping[str, Any] | None, preset: str = "") -> dict[str, Any]:
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
        wishes = {**PRESETS[preset].parameters(capacity if fits else REFERENCE_CAPACITY_AH), **wishes}
    try:
        return JointFilterParameters.from_mapping(wishes).to_mapping()
    except InvalidParameters as wrong:
        raise ParametersRefused(wrong.fields) from None


def retry_estimator(estimator: Estimator, requested_by: Any = None) -> Estimator:
    """Lets a failed one go on where it stopped, or load again where it never ran; raises NotFailed."""
    with transaction.atomic():
        found = Estimator.objects.select_for_update(of=("self",)).select_related("load_job").get(pk=estimator.pk)
        gave_up = found.load_job is not None and found.load_job.state in ("failed", "cancelled")
        if found.state != Stored.FAILED and not (found.state == Stored.WAITING and gave_up):
            raise NotFailed(str(found), found.state)
        begun = EstimatorProgress.objects.filter(pk=found.pk).exclude(checkpoint=None).exists()
        found.state = Stored.READY if begun and found.progress.rows_seen else Stored.WAITING
        found.last_error = found.traceback = ""
        found.error_line = found.error_row = None
        found.save(update_fields=["state", "last_error", "traceback", "error_line", "error_row"])
        if not begun:
            queue_load(found, requested_by)
    return found


def choose_estimator(estimator: Estimator) -> Estimator:
    """Makes this version's estimates the battery's; raises CannotBeCurrent for one that never loaded."""
    if estimator.is_script and not estimator.entry:
        raise CannotBeCurrent(str(estimator))
    make_current(estimator)
    return estimator


def _register_script(
    battery_name: str, definition: str | bytes, files: Sequence[File], required_time: Any, registered_by: Any
) -> Estimator:
    content = check_script(definition).encode()
    check_support_files(files)
    seconds = check_required_time(required_time)
    with transaction.atomic():
        estimator = _next_version(battery_name, kind=Kind.SCRIPT, required_time=seconds, registered_by=registered_by)
        estimator.script_sha256 = hashlib.sha256(content).hexdigest()
        estimator.script.save(SCRIPT_NAME, ContentFile(content), save=False)
        estimator.save()
        EstimatorProgress.objects.create(estimator=estimator)
        for file in files:
            SupportFile(estimator=estimator).keep(file)
        queue_load(estimator, registered_by)
    return estimator


def _register_joint_filter(battery_name: str, parameters: dict[str, Any], registered_by: Any) -> Estimator:
    from energykit.ukf import FleetFilter, JointFilterParameters  # noqa: PLC0415  (numpy, as above)

    of_cell = JointFilterParameters.from_mapping(parameters)
    with transaction.atomic():
        estimator = _next_version(battery_name, kind=Kind.JOINT_UKF, parameters=parameters, registered_by=registered_by)
        estimator.entry = Kind.JOINT_UKF
        estimator.save()
        EstimatorProgress.objects.create(
            estimator=estimator,
            state_names=list(of_cell.state_names),
            checkpoint=FleetFilter([of_cell]).checkpoint(0),
            reference_capacity=of_cell.capacity_ah,
        )
        tables.create(connection, estimator.pk, of_cell.state_names)
        make_current(estimator)
    return estimator


def _next_version(battery_name: str, **values: Any) -> Estimator:
    battery = battery_for_upload(battery_name)
    # Two registrations at the same moment: the battery's row is locked, and the unique constraint has the last word.
    Battery.objects.select_for_update().get(pk=battery.pk)
    newest = Estimator.objects.filter(battery=battery).aggregate(Max("version"))["version__max"] or 0
    return Estimator(battery=battery, version=newest + 1, **values)
