"""What the commit counts of a battery, read and written as plain rows: the ORM costs more than storing a row does.

Nothing is kept between two commits, as other processes and the admin change batteries too; all is read under the lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from datahub.ingest import tables

INTERVAL_WEIGHT = 0.1  # of the newest gap in the running mean of gaps


@dataclass(slots=True)
class Account:
    """A battery in the transaction that stores its rows. The fields are those of `tables.lock_accounts`, in order."""

    pk: int
    name: str
    columns: str  # JSON; empty map: there is no table yet
    rows: int
    late_rows: int
    repeated_rows: int
    refused_rows: int
    non_finite_values: int
    first_test_time: float | None
    last_test_time: float | None
    late_from: float | None
    last_received: float | None
    interval_seconds: float | None
    first_received: float | None
    dropped_rows: int
    most_rows: int | None
    when_full: str

    def counters(self) -> tuple[int | float | None, ...]:
        return (
            self.pk, self.rows, self.late_rows, self.repeated_rows, self.refused_rows, self.non_finite_values,
            self.first_test_time, self.last_test_time, self.late_from, self.last_received, self.interval_seconds,
            self.first_received,
        )  # fmt: skip

    def note_rows(self, stored: int, repeated: int) -> None:
        self.rows += stored
        self.repeated_rows += repeated

    def note_times(self, least: float, greatest: float) -> None:
        self.first_test_time = lesser(self.first_test_time, least)
        if self.last_test_time is None or greatest > self.last_test_time:
            self.last_test_time = greatest

    def note_late(self, count: int, least: float | None) -> None:
        self.late_rows += count
        self.late_from = lesser(self.late_from, least)

    def note_arrival(self, received: float) -> None:
        """`interval_seconds` is a running mean of the gaps between commits that brought rows."""
        last, known = self.last_received, self.interval_seconds
        if self.first_received is None:
            self.first_received = received
        if last is None or received > last:
            if last is not None:
                gap = received - last
                self.interval_seconds = gap if known is None else known + INTERVAL_WEIGHT * (gap - known)
            self.last_received = received


def locked_accounts(names: Sequence[str]) -> dict[str, Account]:
    """Those there are, by name, locked until the transaction ends."""
    accounts = [Account(*row) for row in tables.lock_accounts(connection, names)]
    return {account.name: account for account in accounts}


def save_counters(accounts: Iterable[Account]) -> None:
    tables.update_counters(connection, [account.counters() for account in accounts])


@lru_cache(maxsize=4096)
def kinds_in(columns: str) -> dict[str, str]:
    """Column name to kind. Shared by all whose columns read the same: copy it to change it."""
    kinds: dict[str, str] = json.loads(columns)
    return kinds


def lesser(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
