"""What can be asked of the service, each a generator that both faces run (see `asking`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgpack

from rovi_client.asking import API, Ask, Call, Pause, all_after, all_pages, asked, get
from rovi_client.errors import JobFailed, NotFound, RoviError, UploadInterrupted
from rovi_client.records import (
    Battery,
    Columns,
    Comparison,
    Data,
    Estimator,
    Forecast,
    Job,
    JobEvent,
    Uploaded,
    battery_of,
    comparison_of,
    estimator_of,
    forecast_of,
    job_of,
)

LOOK_SECONDS = 0.25
LONGEST_LOOK = 2.0
PORTION_ROWS = 20_000
MSGPACK = {"Content-Type": "application/msgpack"}

Rows = Any  # a DataFrame, a map of columns, or a list of records
Tell = Callable[[JobEvent], None]


# --- batteries ------------------------------------------------------------------------------------------
def batteries(patience: float, search: str | None) -> Call[list[Battery]]:
    found = yield from all_pages(f"{API}/batteries/", patience, search=search, ordering="name")
    return [battery_of(data) for data in found]


def battery(patience: float, name: str) -> Call[Battery]:
    found = yield from get(f"{API}/batteries/", patience, name=name)
    if not found["results"]:
        raise NotFound(404, f"There is no battery {name!r}.", code="not_found", hint="Register it, or send it rows.")
    path = f"{API}/batteries/{found['results'][0]['id']}/"
    answer = yield from asked(Ask("GET", path), patience)
    return battery_of(answer.json(), answer.headers.get("etag", ""))


def register(patience: float, name: str, metadata: Data | None, description: str) -> Call[Battery]:
    wishes: dict[str, Any] = {"name": name, "description": description}
    if metadata is not None:
        wishes["metadata"] = dict(metadata)
    answer = yield from asked(Ask("POST", f"{API}/batteries/", json=wishes), patience)
    return battery_of(answer.json())


def change(patience: float, known: Battery, changes: Data) -> Call[Battery]:
    headers = {"If-Match": known.etag} if known.etag else {}
    ask = Ask("PATCH", f"{API}/batteries/{known.id}/", json=dict(changes), headers=headers)
    answer = yield from asked(ask, patience)
    return battery_of(answer.json(), answer.headers.get("etag", ""))


def delete(patience: float, known: Battery) -> Call[None]:
    headers = {"If-Match": known.etag} if known.etag else {}
    ask = Ask("DELETE", f"{API}/batteries/{known.id}/", {"confirm": known.name}, headers=headers)
    yield from asked(ask, patience)


# --- rows ------------------------------------------------------------------------------------------
def upload(
    patience: float, name: str, rows: Rows, start: int, portion: int, tell: Callable[[int, int], None] | None
) -> Call[Uploaded]:
    """In portions, each asked for until it is answered: rows are stored once however often they are sent."""
    columns = columns_from(rows)
    total = len(next(iter(columns.values()), []))
    try:
        known = yield from battery(patience, name)
    except NotFound:
        known = yield from register(patience, name, None, "")
    stored, repeated, rejected = 0, 0, []
    for first in range(start, total, portion):
        end = min(first + portion, total)
        body = msgpack.packb({column: values[first:end] for column, values in columns.items()})
        ask = Ask("POST", f"{API}/batteries/{known.id}/rows/", {"partial": "true"}, content=body, headers=MSGPACK)
        try:
            told = (yield from asked(ask, patience)).json()
        except RoviError as error:
            raise UploadInterrupted(first, error) from error
        stored += told["stored"]
        repeated += told["repeated"]
        rejected += [{**each, "index": each["index"] + first} for each in told["rejected"]]
        if tell is not None:
            tell(end, total)
    return Uploaded(stored, repeated, rejected)


def rows_of(
    patience: float, name: str, start: float | None, end: float | None, columns: Sequence[str] | None, limit: int | None
) -> Call[Columns]:
    known = yield from battery(patience, name)
    names = ",".join(columns) if columns else None
    path = f"{API}/batteries/{known.id}/rows/"
    return Columns.from_records((yield from all_after(path, patience, limit, start=start, end=end, columns=names)))


def export(patience: float, name: str, path: Path, kind: str, params: Data) -> Call[Path]:
    known = yield from battery(patience, name)
    wanted = {"format": kind, **{key: value for key, value in params.items() if value is not None}}
    ask = Ask("GET", f"{API}/batteries/{known.id}/rows/", wanted, headers={"Accept": "*/*"}, to_file=str(path))
    yield from asked(ask, patience)
    return path


def import_file(patience: float, name: str, content: BinaryIO, into: str | None) -> Call[Data]:
    form = {} if into is None else {"battery": into}
    answer = yield from asked(Ask("POST", f"{API}/imports/", form=form, file=(name, content)), patience)
    told: Data = answer.json()
    return told


# --- health ------------------------------------------------------------------------------------------
def register_estimator(patience: float, name: str, wishes: Data) -> Call[Estimator]:
    answer = yield from asked(Ask("POST", f"{API}/estimators/", json={"battery": name, **wishes}), patience)
    return estimator_of(answer.json())


def current_estimator(patience: float, name: str) -> Call[Estimator]:
    found = yield from get(f"{API}/estimators/", patience, battery__name=name, is_current="true")
    if not found["results"]:
        raise NotFound(404, f"No estimator works on {name!r}.", code="not_found", hint="Register one.")
    return estimator_of(found["results"][0])


def caught_up(patience: float, name: str, seconds: float) -> Call[Estimator]:
    """The current estimator once it has estimated all rows; raises JobFailed, TimeoutError."""
    waited = 0.0
    while True:
        found = yield from current_estimator(patience, name)
        if found.state == "failed":
            raise JobFailed(found.data["load_job"] or 0, "failed", found.data["last_error"])
        if found.state != "waiting" and not found.rows_behind:
            return found
        if waited >= seconds:
            raise TimeoutError(f"The estimator of {name!r} is {found.rows_behind:,} rows behind after {seconds:g} s.")
        yield Pause(LOOK_SECONDS)
        waited += LOOK_SECONDS


def estimates(patience: float, name: str, start: float | None, end: float | None, limit: int | None) -> Call[Columns]:
    found = yield from current_estimator(patience, name)
    path = f"{API}/estimators/{found.id}/estimates/"
    return Columns.from_records((yield from all_after(path, patience, limit, start=start, end=end)))


# --- forecasts ------------------------------------------------------------------------------------------
def request_forecast(patience: float, name: str, wishes: Data) -> Call[Data]:
    told: Data = (yield from asked(Ask("POST", f"{API}/forecasts/", json={"battery": name, **wishes}), patience)).json()
    return told


def forecast(patience: float, number: int) -> Call[Forecast]:
    return forecast_of((yield from get(f"{API}/forecasts/{number}/", patience)))


def request_comparison(patience: float, name: str, loads: Mapping[str, Data], wishes: Data) -> Call[Data]:
    named = [{"label": label, **load} for label, load in loads.items()]
    ask = Ask("POST", f"{API}/comparisons/", json={"battery": name, "loads": named, **wishes})
    told: Data = (yield from asked(ask, patience)).json()
    return told


def comparison(patience: float, number: int) -> Call[Comparison]:
    return comparison_of((yield from get(f"{API}/comparisons/{number}/", patience)))


# --- jobs ------------------------------------------------------------------------------------------
def job(patience: float, number: int) -> Call[Job]:
    return job_of((yield from get(f"{API}/jobs/{number}/", patience)))


def cancel(patience: float, number: int) -> Call[Job]:
    return job_of((yield from asked(Ask("POST", f"{API}/jobs/{number}/cancel/"), patience)).json())


def retry(patience: float, number: int) -> Call[Job]:
    return job_of((yield from asked(Ask("POST", f"{API}/jobs/{number}/retry/"), patience)).json())


def ended(patience: float, number: int) -> Call[Job]:
    """A job that has ended, with its result; raises JobFailed with the service's sentence."""
    found = yield from job(patience, number)
    if found.state in ("failed", "cancelled"):
        raise JobFailed(number, found.state, found.error or found.message)
    return found


# --- rows of the caller's ------------------------------------------------------------------------------------------
def columns_from(rows: Rows) -> dict[str, list[Any]]:
    """A DataFrame, a map of columns or a list of records, as columns; NaN becomes NULL in the service."""
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        return {str(name): rows[name].tolist() for name in rows.columns}
    if isinstance(rows, Mapping):
        return {str(name): _listed(values) for name, values in rows.items()}
    records = list(rows)
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _listed(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def portions_of(rows: Rows, portion: int) -> Iterator[tuple[bytes, int]]:
    """Frames of a socket and how many rows each holds."""
    columns = columns_from(rows)
    total = len(next(iter(columns.values()), []))
    for first in range(0, total, portion):
        end = min(first + portion, total)
        yield msgpack.packb({name: values[first:end] for name, values in columns.items()}), end - first


# --- events ------------------------------------------------------------------------------------------
class EventReader:
    """Lines of server-sent events to events of a job; `last_id` is what a reader that comes back tells."""

    def __init__(self) -> None:
        self.last_id = ""
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> JobEvent | None:
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return None
        told = json.loads(fields["data"])
        return JobEvent(told["id"], told["state"], told["progress"], told["message"], told["error"])
