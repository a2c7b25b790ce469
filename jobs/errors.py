"""Why a job was not queued, cancelled or retried."""

from __future__ import annotations

from access.errors import Refused


class UnknownKind(Refused):
    code = "unknown_job_kind"
    status = 500

    def __init__(self, kind: str, known: list[str]) -> None:
        super().__init__(f"No function is registered for jobs of kind {kind!r}; known are {', '.join(known)}.")


class JobHasEnded(Refused):
    code = "job_has_ended"
    status = 409
    hint = "Retry it to run it again."

    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"Job #{number} is {state} and cannot be cancelled.")


class JobHasNotFailed(Refused):
    code = "job_has_not_failed"
    status = 409

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Job #{number} {why}; only a failed or cancelled job is retried, and once.")


class TooManyFollow(Refused):
    code = "too_many_follow"
    status = 503
    hint = "Ask for the job itself every few seconds, or try again later."
    retry_after = 10

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} streams of progress are open here already, and there are no more.")


class JobCancelled(Exception):
    """Raised inside a job's function at the next report after somebody cancelled it."""


class LeaseLost(Exception):
    """Raised inside a job's function when another worker has taken the job over: stop, and write nothing more."""


class WorkerGone(Refused):
    code = "worker_gone"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"The worker {name} has ended, or was not heard of for a while.")
