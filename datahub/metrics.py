"""What this process counts of the rows that it stores. Of its own alone: each web process tells its own."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

COMMIT_SECONDS = Histogram(
    "rovi_commit_seconds",
    "Time of one group commit, waiting for the database included.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
COMMIT_BATTERIES = Histogram(
    "rovi_commit_batteries", "Batteries in one group commit.", buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
)
ROWS = Counter("rovi_rows_handled", "Rows handled, by what became of them.", ("outcome",))
STORED, REPEATED, REFUSED = (ROWS.labels(outcome) for outcome in ("stored", "repeated", "refused"))
WAITING = Gauge("rovi_rows_uncommitted", "Received and not yet committed, by weight: wide rows count for several.")
SOCKETS = Gauge("rovi_upload_sockets", "Upload sockets open.")


def note_commit(batteries: int, stored: int, repeated: int, refused: int) -> None:
    COMMIT_BATTERIES.observe(batteries)
    for outcome, rows in ((STORED, stored), (REPEATED, repeated), (REFUSED, refused)):
        if rows:
            outcome.inc(rows)
