"""What the service tells, as plain records. `data` holds all that came; the attributes are what is used most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Battery:
    """`etag` stands for what was read: hand it back with a change, and nobody else's change is lost."""

    id: int
    name: str
    rows: int
    data: Data = field(repr=False)
    etag: str = field(default="", repr=False)


@dataclass(frozen=True)
class Estimator:
    """`state`: waiting, ready, running, inconsistent, stale or failed. `rows_behind`: stored and not yet estimated."""

    id: int
    battery: str
    version: int
    kind: str
    state: str
    rows_behind: int
    data: Data = field(repr=False)


@dataclass(frozen=True)
class Job:
    """`state`: queued, running, done, failed or cancelled; `progress` from 0 to 1."""

    id: int
    kind: str
    state: str
    progress: float
    message: str
    error: str
    result: Any
    data: Data = field(repr=False)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class JobEvent:
    """A change of a job, as it was told."""

    job_id: int
    state: str
    progress: float
    message: str
    error: str

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class Uploaded:
    """`stored` rows are new to the service, `repeated` ones it had; `rejected` tells the others, each with why."""

    stored: int
    repeated: int
    rejected: Sequence[Data] = ()


class Columns(Mapping[str, list[Any]]):
    """A table: name of a column to its values, all of one length. What is not known is None.

    `to_pandas()` needs pandas: `pip install rovi-client[pandas]`.
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = {name: list(values) for name, values in columns.items()}

    @classmethod
    def from_records(cls, records: Sequence[Data]) -> Columns:
        """Names in the order in which they come first; None where a record has none of a name."""
        names = list(dict.fromkeys(name for record in records for name in record))
        return cls({name: [record.get(name) for record in records] for name in names})

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> int:
        return len(next(iter(self._columns.values()), []))

    def __repr__(self) -> str:
        return f"<Columns {self.rows} rows of {', '.join(self._columns)}>"

    def to_pandas(self) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415  (optional)

        return pd.DataFrame(self._columns)


@dataclass(frozen=True)
class Forecast:
    """`columns` is what was forecast over test_time (s, from the newest estimate on); None before it is done.

    `headline` says in a sentence when SOH falls below `threshold`.
    """

    id: int
    battery: str
    state: str
    headline: str
    threshold: float
    columns: Columns | None
    data: Data = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """`forecasts`: one for each load, in the order in which they were named, without their columns."""

    id: int
    battery: str
    forecasts: Sequence[Forecast]
    data: Data = field(repr=False)


def battery_of(data: Data, etag: str = "") -> Battery:
    return Battery(data["id"], data["name"], data["rows"], data, etag)


def estimator_of(data: Data) -> Estimator:
    return Estimator(
        data["id"], data["battery"], data["version"], data["kind"], data["state"], data["rows_behind"], data
    )


def job_of(data: Data) -> Job:
    return Job(
        data["id"], data["kind"], data["state"], data["progress"], data["message"], data["error"], data["result"], data
    )


def forecast_of(data: Data) -> Forecast:
    result = data.get("result")
    columns = Columns(result) if result else None
    return Forecast(data["id"], data["battery"], data["state"], data["headline"], data["threshold"], columns, data)


def comparison_of(data: Data) -> Comparison:
    return Comparison(data["id"], data["battery"], [forecast_of(run) for run in data["runs"]], data)
