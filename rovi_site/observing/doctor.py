"""What is wrong with this installation, in sentences. Each examination looks at one thing and says what to do."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import Error, connection, transaction
from django.utils import timezone

from jobs.models import Job, State, Worker
from jobs.queries import alive_workers, oldest_queued_seconds
from rovi_site.health import SPARE_BYTES, migrations_are_applied
from rovi_site.serving.asking import ask_whether_ready, ready_address
from twin.models import Estimator
from twin.queries import rows_behind_by_shard, trust_counts
from twin.states import Stored

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
SCARCE_BYTES = 2**30
FEW_FILES = 1024  # each socket is one
SECONDS_TO_ANSWER = 5.0
ROWS_MUCH_BEHIND = 100_000
SECONDS_APART = 5.0


@dataclass(frozen=True)
class Finding:
    """`what`: the thing looked at. `advice`: what to do; empty where all is well."""

    state: str
    what: str
    sentence: str
    advice: str = ""


def examine() -> list[Finding]:
    """All findings; those that need the database are left out where it does not answer."""
    found = [*_system_checks(), _disk(), _files(), _packages()]
    database = _database()
    found.append(database)
    if database.state == GOOD:
        for examination in WITH_DATABASE:
            found += examination()
    return [*found, *_redis(), _address()]


def _system_checks() -> Iterator[Finding]:
    states = {checks.ERROR: BAD, checks.CRITICAL: BAD}
    said = [each for each in checks.run_checks(include_deployment_checks=settings.HTTPS) if not each.is_silenced()]
    for message in said:
        state = states.get(message.level, DOUBTFUL if message.level >= checks.WARNING else GOOD)
        yield Finding(state, "settings", " ".join(message.msg.split()), " ".join((message.hint or "").split()))
    if not said:
        yield Finding(GOOD, "settings", "The system checks have nothing to say.")


def _disk() -> Finding:
    try:
        free = shutil.disk_usage(settings.ROVI_DATA).free
    except OSError as error:
        return Finding(BAD, "disk", f"ROVI_DATA cannot be read: {error.strerror}.", "Name another folder, or mend it.")
    told = f"{free / 2**30:.1f} GiB are free for {settings.ROVI_DATA}."
    if free < SPARE_BYTES:
        return Finding(BAD, "disk", told, "Nothing can be stored. Make room, or move ROVI_DATA.")
    if free < SCARCE_BYTES:
        return Finding(DOUBTFUL, "disk", told, "Make room, or set a retention (docs/settings.md).")
    return Finding(GOOD, "disk", told)


def _files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = f"A process may open {hard} files; each socket is one."
    if hard != resource.RLIM_INFINITY and hard <= FEW_FILES:
        return Finding(DOUBTFUL, "open files", told, "Raise it (ulimit -Hn, LimitNOFILE=) for more sockets.")
    return Finding(GOOD, "open files", told)


def _packages() -> Finding:
    """Against the pins of requirements.txt."""
    wrong = []
    for line in (Path(settings.BASE_DIR) / "requirements.txt").read_text(encoding="utf-8").splitlines():
        pinned, _, wanted = line.partition("==")
        if not wanted:
            continue
        name = pinned.partition("[")[0].strip()
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "not installed"
        if installed != wanted.strip():
            wrong.append(f"{name} is {installed}, not {wanted.strip()}")
    if wrong:
        return Finding(DOUBTFUL, "packages", f"Other packages than are pinned: {'; '.join(wrong)}.", "Run `make run`.")
    return Finding(GOOD, "packages", "All packages are as pinned.")


def _database() -> Finding:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TABLE doctor_was_here (one integer)")
            transaction.set_rollback(True)
        if migrations_are_applied():
            return Finding(GOOD, "database", f"{connection.vendor} answers and can be written.")
    except Error as error:
        said = " ".join(str(error).split())
        return Finding(BAD, "database", f"The database cannot be used: {said}.", "See DATABASE_URL and ROVI_DATA.")
    return Finding(BAD, "database", "The database is of another version than the code.", "Run manage.py migrate.")


def _clock() -> Iterator[Finding]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        apart = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
    told = f"The database's clock and this machine's are {apart:.1f} s apart."
    good = apart < SECONDS_APART
    yield Finding(GOOD if good else DOUBTFUL, "clock", told, "" if good else "Let both keep time by NTP.")


def _workers() -> Iterator[Finding]:
    alive = list(alive_workers())
    if not alive:
        yield Finding(
            BAD, "workers", "No worker is alive: rows are stored and not estimated.", "Start one: make worker"
        )
        return
    yield Finding(GOOD, "workers", f"{len(alive)} alive.")
    own = version("django")
    others = [worker for worker in alive if worker.versions.get("django", own) != own]
    if others:
        yield Finding(DOUBTFUL, "workers", f"{len(others)} run other libraries than this one.", "Restart them.")
    lost = Worker.objects.filter(stopped=None).exclude(pk__in=[worker.pk for worker in alive])
    recent = lost.filter(heartbeat__gt=timezone.now() - timedelta(days=1)).count()
    if recent:
        yield Finding(DOUBTFUL, "workers", f"{recent} vanished within a day without a farewell.", "See their logs.")


def _jobs() -> Iterator[Finding]:
    waits = oldest_queued_seconds()
    if waits > settings.JOB_LEASE_SECONDS:
        yield Finding(DOUBTFUL, "jobs", f"The oldest has waited for {waits:.0f} s.", "Start one more worker.")
    failed = Job.objects.filter(state=State.FAILED, retried_as=None).count()
    if failed:
        yield Finding(DOUBTFUL, "jobs", f"{failed} failed and were not tried again.", "See /jobs.")
    if waits <= settings.JOB_LEASE_SECONDS and not failed:
        yield Finding(GOOD, "jobs", "None waits for long, none has failed.")


def _estimators() -> Iterator[Finding]:
    trust = trust_counts()
    failed = Estimator.objects.filter(state=Stored.FAILED, is_current=True).count()
    behind = sum(rows for _, rows in rows_behind_by_shard())
    if failed:
        yield Finding(DOUBTFUL, "estimators", f"{failed} have stopped.", "Their pages say why.")
    if trust.inconsistent:
        yield Finding(
            DOUBTFUL, "estimators", f"{trust.inconsistent} disagree with their cells.", "Their pages say what is wrong."
        )
    if behind > ROWS_MUCH_BEHIND:
        yield Finding(DOUBTFUL, "estimators", f"{behind:,} rows wait to be estimated.", "Start one more worker.")
    if not (failed or trust.inconsistent or behind > ROWS_MUCH_BEHIND):
        yield Finding(GOOD, "estimators", f"None has stopped or disagrees; {behind:,} rows wait to be estimated.")


WITH_DATABASE: tuple[Callable[[], Iterator[Finding]], ...] = (_clock, _workers, _jobs, _estimators)


def _redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        return
    import redis  # noqa: PLC0415  (only where it is used)

    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=SECONDS_TO_ANSWER).ping()
    except redis.RedisError as error:
        yield Finding(BAD, "redis", f"Redis does not answer: {error}.", "See REDIS_URL.")
        return
    yield Finding(GOOD, "redis", "Redis answers.")


def _address() -> Finding:
    address = ready_address()
    is_ready, told = ask_whether_ready()
    if is_ready:
        return Finding(GOOD, "web server", f"{address} says: {told}")
    return Finding(BAD, "web server", f"{address} does not say it is ready: {told}", "Start it: make run")
