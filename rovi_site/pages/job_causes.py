"""Failed jobs by what they failed of, and all of one cause tried once more."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from access.errors import Refused
from jobs import queue
from jobs.models import Job, State
from jobs.registry import title_of_kind

MOST_LOOKED_AT = 5000
MOST_RETRIED = 500
SHOWN = 5
VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d.,\u202f]*")


@dataclass
class Cause:
    """Jobs of one kind whose errors differ in numbers and quoted names alone; `key` names it in a form."""

    kind: str
    pattern: str
    example: str
    jobs: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.kind} {self.pattern}"

    @property
    def title(self) -> str:
        return title_of_kind(self.kind)


def pattern_of(error: str) -> str:
    """
    >>> pattern_of("ValueError: voltage is NaN, line 41, in 'cell 3'")
    'ValueError: voltage is NaN, line …, in …'
    """
    return VARIABLE.sub("…", error)[:300]


def causes_of_failures() -> list[Cause]:
    """Of failed jobs that nobody retried, the most frequent cause first; of the newest 5,000, in one query."""
    failed = Job.objects.filter(state=State.FAILED, retried_as=None).order_by("-id")
    found: dict[tuple[str, str], Cause] = {}
    for pk, kind, error in failed.values_list("pk", "kind", "error")[:MOST_LOOKED_AT]:
        pattern = pattern_of(error)
        found.setdefault((kind, pattern), Cause(kind, pattern, error)).jobs.append(pk)
    return sorted(found.values(), key=lambda cause: -len(cause.jobs))


def retry_cause(key: str, by: Any) -> tuple[int, list[str]]:
    """Queues all jobs of a cause anew, or of every cause where the key is empty; how many, and why others were not."""
    causes = [cause for cause in causes_of_failures() if key in ("", cause.key)]
    jobs = Job.objects.in_bulk([pk for cause in causes for pk in cause.jobs][:MOST_RETRIED])
    retried, refusals = 0, []
    for job in jobs.values():
        try:
            queue.retry(job, by)
            retried += 1
        except Refused as refused:  # somebody else was faster, say
            refusals.append(refused.message)
    return retried, refusals
