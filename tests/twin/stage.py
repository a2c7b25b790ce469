"""Prepares a data folder for tests with real workers: batteries, estimators, rows. Run with ROVI_DATA set.

python -m tests.twin.stage register NAME KIND SCRIPT_OR_CASE
python -m tests.twin.stage rows NAME FIRST LAST
"""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402  (Django is set up only now)

from datahub.ingest import store_records  # noqa: E402
from tests.twin import oracle  # noqa: E402
from tests.twin.conftest import text_of  # noqa: E402
from twin.registration import register_estimator  # noqa: E402


def register(name: str, kind: str, what: str) -> None:
    if kind == "joint_ukf":
        register_estimator(battery_name=name, kind=kind, parameters=oracle.parameters(what))
        return
    parameters = ContentFile(json.dumps(oracle.parameters("one_rc")).encode(), name="parameters.json")
    register_estimator(battery_name=name, definition=text_of(what), files=[parameters])


def rows(name: str, first: str, last: str) -> None:
    store_records(name, oracle.records(int(first), int(last)))


{"register": register, "rows": rows}[sys.argv[1]](*sys.argv[2:])
