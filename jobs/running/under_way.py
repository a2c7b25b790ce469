"""Which jobs this process runs now. Only their leases are renewed: one whose end could not be written is taken back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

_ids: set[int] = set()
_lock = threading.Lock()


@contextlib.contextmanager
def under_way(job_id: int) -> Iterator[None]:
    """Inside, the job counts as run here."""
    with _lock:
        _ids.add(job_id)
    try:
        yield
    finally:
        with _lock:
            _ids.discard(job_id)


def jobs_under_way() -> list[int]:
    with _lock:
        return sorted(_ids)
