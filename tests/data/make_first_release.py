"""Makes first_release.tar.xz: databases and uploads of an installation as the first release (commit f666fcc) left it.

Run with that commit's code and with an empty PostgreSQL database, from the folder of the project:

    git worktree add /tmp/first f666fcc
    python tests/data/make_first_release.py /tmp/first postgres://postgres@127.0.0.1:5432/empty

In it: accounts, a device token, batteries with rows, three estimators with estimates and a checkpoint that have rows
waiting, a forecaster with a forecast, an import that is done and one that is queued.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ARCHIVE = Path(__file__).with_name("first_release.tar.xz")

FURNISH = """
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.core.management import call_command
call_command("migrate", verbosity=0)
from access.tokens import make_token
from datahub.imports.requesting import request_import
from datahub.ingest import store_records
from datahub.models import Battery
from datahub.registration import register_battery
from datahub.truths import store_truths
from prognosis.forecasting.load import Load
from prognosis.forecasting.runs import request_run
from prognosis.registration import register_forecaster
from tests.twin import oracle
from tests.twin.conftest import catch_up, run_jobs, text_of
from twin.registration import register_estimator

admin = User.objects.create_superuser("admin", password="correct horse battery")
viewer = User.objects.create_user("reader", password="correct horse battery")
viewer.groups.add(Group.objects.get_or_create(name="viewer")[0])
rows = oracle.records(last=200)
late = rows.pop(20)
register_battery({"name": "built in", "battery": {"nominal_capacity": 1.9}}, description="of the first release")
register_estimator(battery_name="built in", kind="joint_ukf", parameters=oracle.parameters("one_rc"))
register_estimator(battery_name="steady", kind="joint_ukf", parameters=oracle.parameters("one_rc"))
register_estimator(battery_name="counter", definition=text_of("coulomb_counter"), registered_by=admin)
query = "SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 20000"
register_forecaster(name="built in", definition=text_of("capacity_trend"), sql_query=query)
for name in ("built in", "counter"):
    store_records(name, [*rows[:110], late, *rows[110:120]])
store_records("steady", rows[:120])
catch_up()
load = Load.from_description({"ahead_time": 86400.0, "resolution": 3600.0, "current": 0.1})
request_run(Battery.objects.get(name="built in"), load)
run_jobs()
for name in ("built in", "counter", "steady"):
    store_records(name, rows[120:150])
kinds = {"voltage": 3.5, "cycle_number": 7, "resting": True, "state": "hold, \\"α\\"\\nβ"}
store_records("module 7/α", [{"test_time": float(t), **kinds, "count": 2**60 + t} for t in range(20)], partial=True)
odd = [{"test_time": 5.0, **kinds, "count": 2**60 + 5}, {"test_time": [1]}, {"voltage": None, "state": "x"}]
store_records("module 7/α", odd, partial=True)
truth = {"test_time": 0.0, "true_soc": 0.5, "true_capacity": 2.0, "true_r0": 0.01}
store_truths(Battery.objects.get(name="built in"), [truth])
request_import(ContentFile(b"test_time,voltage\\n0,3.5\\n1,3.4\\n", "imported.csv"), requested_by=admin)
run_jobs()
request_import(ContentFile(b"test_time,voltage\\n0,3.5\\n1,3.4\\n2,3.3\\n", "waiting.csv"))
register_battery({"name": "silent"})
make_token(user=admin, name="of a device", made_by=admin, battery_name="built in")
"""


def furnish(release: Path, data: Path, url: str) -> None:
    environment = {
        **os.environ,
        "ROVI_DATA": str(data),
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "rovi_site.settings",
        "ROVI_SANDBOX_WALLS": "rlimits",
    }
    subprocess.run([sys.executable, "-c", FURNISH], cwd=release, env=environment, check=True)


def main(release: Path, postgres: str) -> None:
    with tempfile.TemporaryDirectory() as made, tarfile.open(ARCHIVE, "w:xz") as archive:
        for vendor, url in (("sqlite", ""), ("postgresql", postgres)):
            data = Path(made, vendor)
            furnish(release, data, url)
            script = data / "database.sql"
            if vendor == "sqlite":
                with sqlite3.connect(data / "rovi.sqlite3") as database:
                    script.write_text("\n".join(database.iterdump()), encoding="utf-8")
            else:
                dump = ["pg_dump", "--no-owner", "--no-acl", "--inserts", "--rows-per-insert=100", postgres]
                told = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
                # Lines for psql alone are left out: the script is sent to the server as it is.
                script.write_text("\n".join(line for line in told.splitlines() if not line.startswith("\\")))
            archive.add(script, f"{vendor}/database.sql")
            archive.add(data / "uploads", f"{vendor}/uploads")
    sys.stdout.write(f"{ARCHIVE}: {ARCHIVE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
