"""When a commit fails for a reason that waiting does not cure: finds the records that the database refuses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from datahub.ingest.commit import Committed
from datahub.ingest.protocol import NOT_STORED
from datahub.ingest.sieve import Submission

logger = logging.getLogger(__name__)

Commit = Callable[[Mapping[str, Sequence[Submission]]], dict[str, Committed]]


def commit_singly(group: Mapping[str, Sequence[Submission]], commit: Commit) -> dict[str, Committed]:
    """Each battery in a transaction of its own, so that one that fails does not stop the others."""
    return {name: _commit_what_can_be(name, list(submissions), commit) for name, submissions in group.items()}


def _commit_what_can_be(name: str, submissions: list[Submission], commit: Commit) -> Committed:
    """Halves what fails until single records remain; those are refused."""
    try:
        return commit({name: submissions})[name]
    except Exception as error:  # noqa: BLE001  (one battery's records must not end the thread that serves them all)
        if len(submissions) == 1:
            return _commit_halves(name, submissions[0], error, commit)
        middle = len(submissions) // 2
        first = _commit_what_can_be(name, submissions[:middle], commit)
        return _added(first, _commit_what_can_be(name, submissions[middle:], commit))


def _commit_halves(name: str, submission: Submission, error: Exception, commit: Commit) -> Committed:
    rows = len(submission.frame)
    if rows <= 1:
        logger.error("A record of battery %r cannot be stored.", name, exc_info=error)
        submission.rejections.clear()
        if rows:
            submission.refuse(0, NOT_STORED, "The database cannot hold this record; the server's log tells why.")
        return Committed()
    parts = [submission.part(0, rows // 2), submission.part(rows // 2, rows)]
    results = [_commit_what_can_be(name, [part], commit) for part in parts]
    submission.rejections[:] = parts[0].rejections + parts[1].rejections
    submission.is_orphan = parts[0].is_orphan or parts[1].is_orphan
    return _added(*results)


def _added(first: Committed, second: Committed) -> Committed:
    last = second if second.battery_id is not None else first
    return Committed(
        first.stored + second.stored,
        first.repeated + second.repeated,
        last.battery_id,
        last.position,
        last.last_test_time,
    )
