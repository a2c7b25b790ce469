"""Register a forecaster: the one verb behind the seed path, REST and the admin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import connection, transaction
from django.db.models import Max

from jobs.queue import enqueue
from prognosis.forecasting.sql import check_template
from prognosis.models import Forecaster, ServedBattery, SupportFile
from prognosis.tables import sql_dialect
from prognosis.validators import SCRIPT_NAME, check_name, check_script, check_support_files


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
    check_name(name)
    served = [check_name(battery_name, "batteries") for battery_name in dict.fromkeys(batteries or [name])]
    script = check_script(definition)
    check_template(sql_query, sql_dialect(connection.vendor))
    check_support_files(files)
    with transaction.atomic():
        forecaster = _store(name, script, sql_query.strip(), registered_by)
        ServedBattery.objects.bulk_create(
            ServedBattery(forecaster=forecaster, battery_name=battery_name) for battery_name in served
        )
        for file in files:
            SupportFile(forecaster=forecaster).keep(file)
        queue_loading(forecaster, registered_by)
    return forecaster


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


def _store(name: str, script: str, sql_query: str, registered_by: Any) -> Forecaster:
    # Two registrations at one moment: the rows of the name are locked, and the unique constraint has the last word.
    of_name = Forecaster.objects.select_for_update().filter(name=name)
    list(of_name.values_list("pk", flat=True))
    newest = of_name.aggregate(Max("version"))["version__max"] or 0
    content = script.encode()
    forecaster = Forecaster(
        name=name,
        version=newest + 1,
        sql_query=sql_query,
        script_sha256=hashlib.sha256(content).hexdigest(),
        registered_by=registered_by,
    )
    forecaster.script.save(SCRIPT_NAME, ContentFile(content), save=False)
    forecaster.save()
    return forecaster
