"""States as people read them: a shape, a word, a tone and a sentence for each. Unknown is never drawn as known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datahub import states
from rovi_site.pages.numbers import count, duration
from twin.states import ROWS_JUST_COME

if TYPE_CHECKING:
    from datahub.models import Battery
    from jobs.models import Job
    from prognosis.models import ForecastRun
    from twin.states import Condition


@dataclass(frozen=True)
class Badge:
    """`tone` names a colour (ok, warn, bad, idle, run, sim), `shape` a drawing that tells the same without colour."""

    word: str
    shape: str
    tone: str
    sentence: str = ""
    more: str = ""
    exact: str = ""  # the time that the sentence names, with all its seconds


SIMULATED = Badge("Simulated", "sim", "sim", "Its rows come from a simulation, and their truth is known.")


def worst_of(badges: Iterable[Badge | None]) -> Badge | None:
    """That which the title of a page and its icon tell; None where all is well."""
    wrong = [badge for badge in badges if badge is not None and badge.tone in ("bad", "warn")]
    return min(wrong, key=lambda badge: badge.tone != "bad", default=None)


# What a person calls a kind of estimator or forecaster; a script has its own name.
KINDS = {
    "script": "Script",
    "joint_ukf": "Built-in filter",
    "auto": "Best by back-test",
    "ageing": "Ageing model",
    "trend": "Trend",
}


def kind_in_words(kind: str) -> str:
    return KINDS.get(kind, kind)


def made_with_words(run: ForecastRun) -> str:
    """Which forecaster made it, or will: a script's version, or what is built in."""
    if run.kind == "script":
        return run.made_with
    chosen = f": {kind_in_words(run.made_by).lower()}" if run.made_by and run.made_by != run.kind else ""
    return f"{kind_in_words(run.kind)}{chosen}"


# Why rows gave no estimate; see twin.states.Skipped.
SKIPPED = {
    "first_control": "that only told the first current",
    "no_test_time": "without a test time",
    "not_finite": "without current or voltage",
    "late": "late",
    "diverged": "that broke the filter's arithmetic",
}


def skipped_in_words(skipped: Mapping[str, int]) -> str:
    """Empty where none was."""
    return ", ".join(f"{count(rows)} {SKIPPED.get(why, why)}" for why, rows in skipped.items() if rows)


def clock_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


DATA_SHAPES = {
    states.NEVER: ("idle", "idle"),
    states.LIVE: ("ok", "ok"),
    states.LATE: ("warn", "warn"),
    states.SILENT: ("bad", "bad"),
    states.FINISHED: ("ended", "idle"),
}


def data_badge(battery: Battery | states.Heard, now: datetime) -> Badge:
    """Whether rows arrive, measured by the battery's own interval."""
    state = states.data_state(battery, now)
    shape, tone = DATA_SHAPES[state.code]
    has_age = state.code in (states.LIVE, states.LATE, states.SILENT)
    return Badge(state.word, shape, tone, state.sentence, duration(state.age) if has_age else "")


ESTIMATOR_TONES = {
    "waiting": "idle",
    "ready": "ok",
    "running": "run",
    "inconsistent": "warn",
    "stale": "warn",
    "failed": "bad",
}


def estimator_badge(condition: Condition, behind: int) -> Badge:
    """A twin that is a few rows behind a live stream is ready: it would flicker otherwise."""
    if condition.state == "running" and behind <= ROWS_JUST_COME:
        return Badge("Ready", "ok", "ok", "Estimates keep up with the rows.")
    tone = ESTIMATOR_TONES[condition.state]
    more = f"{count(behind)} behind" if condition.state == "running" else ""
    return Badge(condition.state.capitalize(), tone, tone, condition.sentence, more, condition.exact)


def job_badge(job: Job, now: datetime, any_worker: bool = True) -> Badge:
    if job.state == "queued":
        waits = duration((now - job.created).total_seconds())
        if not any_worker:
            return Badge("Queued", "idle", "warn", f"No worker is running; it has waited {waits}.")
        return Badge("Queued", "idle", "idle", f"Waits for a worker, {waits} so far.")
    if job.state == "running":
        who = f" on {job.worker}" if job.worker else ""
        return Badge("Running", "run", "run", f"Running {duration(job.seconds)}{who}.", f"{job.progress:.0%}")
    if job.state == "done":
        return Badge("Done", "ok", "ok", f"Done in {_short(job.seconds)}.")
    if job.state == "cancelled":
        by = f" by {job.cancel_requested_by}" if job.cancel_requested_by else ""
        at = f" at {clock_time(job.finished)}" if job.finished else ""
        return Badge("Cancelled", "ended", "idle", f"Cancelled{by}{at}.")
    if job.retried_as_id:
        return Badge("Retried", "ended", "idle", f"Retried as #{job.retried_as_id}.")
    return Badge(
        "Failed", "bad", "bad", f"Failed {job.tries} of {job.max_tries}: {job.error or 'no error was recorded'}"
    )


def forecast_badge(run: ForecastRun, now: datetime) -> Badge:
    if run.state_now == "done":
        return Badge("Done", "ok", "ok", f"Done in {_short(run.seconds)}.")
    if run.state_now == "failed":
        return Badge("Failed", "bad", "bad", run.error_now or "It failed; no error was recorded.")
    if run.state_now == "running":
        return Badge("Running", "run", "run", "Running.")
    return Badge(
        "Queued", "idle", "idle", f"Waits for a worker, {duration((now - run.created).total_seconds())} so far."
    )


def _short(seconds: float | None) -> str:
    return duration(seconds) if seconds is None or seconds >= 10 else f"{seconds:.1f} s"
