"""What the database knows of the whole service, asked anew at each scrape in a number of queries that does not grow.

It is the same from every web process. What a process counts by itself (requests, commits) is its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings
from django.db import Error
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from datahub.queries import fleet_totals
from jobs.queries import alive_workers, jobs_by_kind, oldest_queued_seconds, tallies_of_workers
from twin.queries import estimators_by_state, rows_behind_by_shard, trust_counts


class DatabaseCollector(Collector):
    def describe(self) -> list[Metric]:
        return []  # so that to register it asks no database

    def collect(self) -> Iterator[Metric]:
        with suppress(OSError):
            free = shutil.disk_usage(settings.ROVI_DATA).free
            yield gauge("rovi_disk_free_bytes", "Free on the disk of ROVI_DATA.", free)
        try:
            found = [*_batteries(), *_estimators(), *_jobs()]
        except Error:
            found = []
        yield gauge(
            "rovi_database_up", "1 while the database answers; else what it knows is missing here.", bool(found)
        )
        yield from found


def register() -> None:
    REGISTRY.register(DatabaseCollector())


def gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))


def _batteries() -> Iterator[Metric]:
    totals = fleet_totals()
    yield gauge("rovi_batteries", "Batteries registered.", totals.batteries)
    yield gauge("rovi_rows", "Rows stored now.", totals.rows)
    yield gauge("rovi_rows_late", "Of the batteries there are, rows that came late.", totals.late)
    yield gauge("rovi_rows_repeated", "Of the batteries there are, rows that came again.", totals.repeated)
    yield gauge("rovi_rows_refused", "Of the batteries there are, rows refused.", totals.refused)


def _estimators() -> Iterator[Metric]:
    by_state = GaugeMetricFamily("rovi_estimators", "Estimators by kind and state.", labels=("kind", "state"))
    for kind, state, count in estimators_by_state():
        by_state.add_metric((kind, state), count)
    yield by_state
    trust = trust_counts()
    yield gauge("rovi_estimators_inconsistent", "Estimators at odds with their cells.", trust.inconsistent)
    yield gauge("rovi_estimators_stale", "Estimators with late rows still to be worked in.", trust.stale)
    yield gauge("rovi_estimates", "Estimates made by the estimators there are.", trust.estimates)
    behind = GaugeMetricFamily("rovi_rows_behind", "Rows waiting to be estimated, by shard.", labels=("shard",))
    for shard, rows in rows_behind_by_shard():
        behind.add_metric((str(shard),), rows)
    yield behind


def _jobs() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("rovi_jobs", "Jobs by kind and state.", labels=("kind", "state"))
    for kind, state, count in jobs_by_kind():
        jobs.add_metric((kind, state), count)
    yield jobs
    yield gauge(
        "rovi_jobs_oldest_queued_seconds", "Age of the oldest job that waits; 0: none.", oldest_queued_seconds()
    )
    yield gauge("rovi_workers", "Workers alive.", alive_workers().count())
    ends = CounterMetricFamily("rovi_script_ends", "Scripts the sandbox put an end to, by kind.", labels=("kind",))
    for kind, count in tallies_of_workers().items():
        ends.add_metric((kind,), count)
    yield ends
