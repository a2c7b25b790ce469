"""Prepares the data folder that ROVI_DATA names for tests with real workers: three batteries, their estimators, rows.

python -m tests.twin.stage ROWS. On SQLite its tables are there already: tests.migrated puts them.
"""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402  (Django is set up only now)
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from datahub.ingest import store_records  # noqa: E402
from tests.twin import oracle  # noqa: E402
from tests.twin.conftest import text_of  # noqa: E402
from twin.registration import register_estimator  # noqa: E402

parameters = oracle.parameters("one_rc")
file = ContentFile(json.dumps(parameters).encode(), name="parameters.json")

if connection.vendor != "sqlite":
    call_command("migrate", verbosity=0)
register_estimator(battery_name="built in", kind="joint_ukf", parameters=parameters)
register_estimator(battery_name="script", definition=text_of("joint_filter"), files=[file])
register_estimator(battery_name="counter", definition=text_of("coulomb_counter"))
records = oracle.records(last=int(sys.argv[1]))
late = records.pop(len(records) // 4)  # one comes late, and has what follows it computed anew
records.insert(3 * len(records) // 4, late)
for name in ("built in", "script", "counter"):
    store_records(name, records)
