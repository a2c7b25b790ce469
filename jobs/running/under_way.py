"""Which jobs this process runs now. Only their leases are renewed: one whose end could not be written is taken back."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

_runs: Counter[int] = Counter()  # a job that was taken back and claimed here again may still run its first try
_lock = threading.Lock()


@contextlib.contextmanager
def under_way(job_id: int) -> Iterator[None]:
    """Inside, the job counts as run here."""
    with _lock:
        _runs[job_id] += 1
    try:
        yield
    finally:
        with _lock:
            _runs[job_id] -= 1
            if not _runs[job_id]:
                del _runs[job_id]


def jobs_under_way() -> list[int]:
    with _lock:
        return sorted(_runs)
