"""An installation of the first release, made up to date and used; what was found is printed as JSON.

python -m tests.rovi_site.upgraded, with ROVI_DATA and DATABASE_URL naming it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()

from django.apps import apps  # noqa: E402  (Django is set up only now)
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.recorder import MigrationRecorder  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from datahub.models import Battery  # noqa: E402
from datahub.queries import battery_named, records  # noqa: E402
from datahub.tables import quoted  # noqa: E402
from jobs.models import Job  # noqa: E402
from tests.twin.conftest import catch_up  # noqa: E402
from twin.estimation import recomputing  # noqa: E402
from twin.measuring.advancing import advance_measurements  # noqa: E402
from twin.models import Estimator, EstimatorProgress  # noqa: E402
from twin.queries import current_estimator, estimates  # noqa: E402

OURS = ("access", "jobs", "datahub", "twin", "prognosis")
LATER = ("fleet",)  # rooms that the first release did not have
FIRST = "0001_initial"
GONE = {"twin_estimatorprogress": ("lease_until",)}  # until when somebody held it then; the shards' leases count now
GRANTED = ("auth_permission", "auth_group_permissions")  # what is new may be done from then on


def rows_of_all_batteries() -> dict[str, Any]:
    return {battery.name: repr(records(battery)) for battery in Battery.objects.filter(rows__gt=0)}


def tables_of_the_first_release(columns: dict[str, list[str]]) -> dict[str, str]:
    """All that stands in these columns, as text."""
    found = {}
    with connection.cursor() as cursor:
        for table, names in columns.items():
            listed = ", ".join(quoted(name) for name in names if name not in GONE.get(table, ()))
            cursor.execute(f"SELECT {listed} FROM {quoted(table)} ORDER BY {quoted(names[0])}")
            found[table] = repr(cursor.fetchall())
    return found


def columns_now() -> dict[str, list[str]]:
    """Of every table that Django does not keep for itself, or fills anew."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if not table.startswith("django_") and table not in GRANTED:
                described = connection.introspection.get_table_description(cursor, table)
                found[table] = [column.name for column in described]
    return found


def estimates_of(name: str) -> list[list[float]]:
    return estimates(current_estimator(battery_named(name))).means.tolist()


def look_at_pages() -> dict[str, int]:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="admin"))
    pages = ("home", "status", "jobs", "forecasts", "forecast-scores-page", "parameter-sets")
    addresses = [
        *map(reverse, pages), "/db/stats", "/online/status", "/healthz/ready",
        *(f"/api/v1/{each}/" for each in ("batteries", "jobs", "estimators", "forecasters", "forecasts", "imports")),
    ]  # fmt: skip
    for battery in Battery.objects.all():
        addresses.append(f"/dashboard/{battery.name}")
        addresses += [
            f"/dashboard/{battery.name}?tab={tab}" for tab in ("health", "cycles", "data", "forecasts", "about")
        ]
        addresses += [f"/api/v1/batteries/{battery.pk}/{tail}" for tail in ("", "rows/", "rows/chart/")]
    for model in apps.get_models():
        if model._meta.app_label in OURS:
            addresses.append(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
    answers = {address: client.get(address, follow=True).status_code for address in addresses}
    return {address: status for address, status in answers.items() if status != 200 and "/admin/" not in address} | {
        address: status for address, status in answers.items() if status not in (200, 404) and "/admin/" in address
    }


def main() -> None:
    recomputing.PAUSE_SECONDS = 0.0
    told: dict[str, Any] = {}
    first = columns_now()
    before = tables_of_the_first_release(first)
    call_command("migrate", verbosity=0)
    told["at_first"] = {name: estimates_of(name) for name in ("steady", "counter", "built in")}
    told["cursor"] = EstimatorProgress.objects.get(estimator__battery__name="steady").cursor
    rows = rows_of_all_batteries()
    told["applied"] = sorted(
        f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations() if app in OURS
    )

    for app in LATER:
        call_command("migrate", app, "zero", verbosity=0)
    for app in reversed(OURS):
        call_command("migrate", app, FIRST, verbosity=0)
    there = columns_now()
    told["not_taken_back"] = {
        table: sorted(set(there.get(table, [])) ^ set(names))
        for table, names in first.items()
        if set(there.get(table, [])) != set(names)
    } | {table: names for table, names in there.items() if table not in first}
    after = tables_of_the_first_release(first)
    told["changed_on_the_way"] = sorted(table for table in first if after[table] != before[table])
    call_command("migrate", verbosity=0)

    catch_up()
    while advance_measurements():
        continue
    told["bad_answers"] = look_at_pages()
    told["rows_changed"] = sorted(name for name, were in rows.items() if rows_of_all_batteries()[name] != were)
    told["estimates"] = {name: estimates_of(name) for name in ("steady", "counter", "built in")}
    told["states"] = {each.battery.name: [each.state, each.last_error] for each in Estimator.objects.all()}
    told["jobs"] = sorted(Job.objects.values_list("title", "state"))
    told["imported"] = Battery.objects.filter(name="waiting", rows=3).exists()
    told["first_received"] = Battery.objects.filter(rows__gt=0, first_received=None).count()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
