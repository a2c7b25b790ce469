"""Register a forecaster: the one verb behind the seed path, REST and the admin; delete one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from access.auditing import note, shown
from jobs.queue import enqueue
from prognosis.errors import RegisteredMeanwhile
from prognosis.forecasting.sql import check_template
from prognosis.models import Forecaster, ServedBattery, SupportFile
from prognosis.states import ForecasterState
from prognosis.tables import sql_dialect
from prognosis.validators import (
    SCRIPT_NAME,
    check_kind,
    check_name,
    check_options,
    check_script,
    check_support_files,
)

TRIES = 3


def register_forecaster(
    *,
    name: str,
    definition: str | bytes,
    sql_query: str,
    files: Sequence[File] = (),
    batteries: Sequence[str] | None = None,
    registered_by: Any = None,
) -> Forecaster:
    """Stores a new version under `name` and queues its loading in the sandbox; the version that runs runs on.

    `batteries` names those it is for; without, it is for the battery of its own name. None of them need exist yet.
    Raises NameRefused, ScriptRefused, TemplateRefused or SupportFileRefused before anything is stored.
    """
    served = _names_checked(name, batteries)
    script = check_script(definition)
    check_template(sql_query, sql_dialect(connection.vendor))
    check_support_files(files)

    def store() -> Forecaster:
        forecaster = _store_script(name, script, sql_query.strip(), registered_by)
        _serve(forecaster, served)
        for file in files:
            SupportFile(forecaster=forecaster).keep(file)
        return queue_loading(forecaster, registered_by)

    return _as_next_version(name, store)


def register_built_in(
    *,
    name: str,
    kind: str,
    options: Mapping[str, Any] | None = None,
    batteries: Sequence[str] | None = None,
    registered_by: Any = None,
) -> Forecaster:
    """Stores a built-in kind as the standing forecaster of batteries; it is current at once.

    Raises NameRefused, OptionRefused.
    """
    served = _names_checked(name, batteries)
    kept = check_options(check_kind(kind), options or {})

    def store() -> Forecaster:
        version = _next_version(name)
        Forecaster.objects.filter(name=name, is_current=True).update(is_current=False)
        forecaster = Forecaster.objects.create(
            name=name,
            version=version,
            kind=kind,
            options=kept,
            entry=kind,
            state=ForecasterState.READY,
            is_current=True,
            registered_by=registered_by,
        )
        _serve(forecaster, served)
        return forecaster

    return _as_next_version(name, store)


def _as_next_version(name: str, store: Callable[[], Forecaster]) -> Forecaster:
    """Two first registrations of a name at one moment find no row to lock; the slower one is told, or tries again."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                return store()
        except IntegrityError:
            if attempt + 1 == TRIES:
                raise RegisteredMeanwhile(name) from None
    raise AssertionError("the loop ends with a return or an error")


def _names_checked(name: str, batteries: Sequence[str] | None) -> list[str]:
    check_name(name)
    return [check_name(battery_name, "batteries") for battery_name in dict.fromkeys(batteries or [name])]


def _serve(forecaster: Forecaster, names: Sequence[str]) -> None:
    ServedBattery.objects.bulk_create(
        ServedBattery(forecaster=forecaster, battery_name=battery_name) for battery_name in names
    )


def queue_loading(forecaster: Forecaster, requested_by: Any = None) -> Forecaster:
    """Lets a worker load the script in the sandbox, the first time or once more."""
    forecaster.load_job = enqueue(
        "load_forecaster",
        subject=f"prognosis.forecaster:{forecaster.pk}",
        title=f"Load forecaster {forecaster}"[:300],
        arguments={"forecaster_id": forecaster.pk},
        requested_by=requested_by,
        max_tries=3,
    )
    forecaster.save(update_fields=["load_job"])
    return forecaster


def disable_forecaster(forecaster: Forecaster) -> bool:
    """It makes no forecast from now on; what it made stays. False where it was so already."""
    return _switch(forecaster, timezone.now())


def enable_forecaster(forecaster: Forecaster) -> bool:
    """It may be asked again. False where it might before."""
    return _switch(forecaster, None)


def _switch(forecaster: Forecaster, moment: datetime | None) -> bool:
    with transaction.atomic():
        others = Forecaster.objects.filter(pk=forecaster.pk, disabled_at__isnull=moment is not None)
        changed = others.update(disabled_at=moment)
        if changed:
            ends = [shown("disabled_at", forecaster.disabled_at), shown("disabled_at", moment)]
            note("disabled" if moment else "enabled", forecaster, changes={"disabled_at": ends})
    forecaster.refresh_from_db(fields=["disabled_at"])
    return bool(changed)


def _next_version(name: str) -> int:
    # Two registrations at one moment: the rows of the name are locked, and the unique constraint has the last word.
    of_name = Forecaster.objects.select_for_update().filter(name=name)
    list(of_name.values_list("pk", flat=True))
    return (of_name.aggregate(Max("version"))["version__max"] or 0) + 1


def _store_script(name: str, script: str, sql_query: str, registered_by: Any) -> Forecaster:
    content = script.encode()
    forecaster = Forecaster(
        name=name,
        version=_next_version(name),
        sql_query=sql_query,
        script_sha256=hashlib.sha256(content).hexdigest(),
        registered_by=registered_by,
    )
    forecaster.script.save(SCRIPT_NAME, ContentFile(content), save=False)
    forecaster.save()
    return forecaster
