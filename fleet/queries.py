"""Questions about the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from time import time as unix_time
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Max, Min

from energykit.quarters import MICROSECONDS, QUARTER, QUARTER_SECONDS, day_after, day_begin, ends, labelled
from fleet import tables
from fleet.accounting.recomputing import max_gap, span_around
from fleet.errors import NoSuchAsset
from fleet.models import Asset, EnergyDay, EnergyForecast, EnergyMonth, Quarter

if TYPE_CHECKING:
    import numpy as np

KEEP, SCALE, DROP = "keep", "scale", "drop"
NONE, ZERO, NULL = "none", "zero", "null"
DECIMALS = 6
MOST_SHOWN_EXACTLY = 2.0**53


@dataclass(frozen=True)
class Known:
    """Energy of a quarter that begins at `start` (s): kWh, and how much of it is covered, µs."""

    start: int
    energy: float | None
    charged: float | None
    covered: int

    @property
    def is_whole(self) -> bool:
        return self.covered >= QUARTER

    @property
    def covered_seconds(self) -> float:
        return self.covered / MICROSECONDS


def asset_numbered(number: int) -> Asset:
    """Raises NoSuchAsset."""
    asset = Asset.objects.filter(number=number).first()
    if asset is None:
        raise NoSuchAsset(number)
    return asset


# --- one asset -----------------------------------------------------------------------------------------------------
def quarters_between(asset: Asset, start: int, end: int) -> Iterator[Known]:
    """Those that begin in `start <= … < end`, µs, in order."""
    window = {"start__gte": first_label(start), "start__lt": first_label(end)}
    found = Quarter.objects.filter(asset=asset, **window).order_by("start")
    rows = found.values_list("start", "energy", "charged", "covered").iterator(chunk_size=10_000)
    return (Known(*row) for row in rows)


def with_partial(quarters: Iterable[Known], partial: str) -> Iterator[Known]:
    """Quarters that are covered in part: kept as they are, scaled up to a whole one, or dropped."""
    for known in quarters:
        if known.is_whole or partial == KEEP:
            yield known
        elif partial == SCALE and known.energy is not None and known.charged is not None:
            factor = QUARTER / known.covered
            yield Known(known.start, known.energy * factor, known.charged * factor, known.covered)


def filled(quarters: Iterable[Known], start: int, end: int, fill: str) -> Iterator[Known]:
    """With a zero, or a null, for each quarter of the window (µs) that is not there."""
    missing = 0.0 if fill == ZERO else None
    at = first_label(start)
    for known in quarters:
        for between in range(at, known.start, QUARTER_SECONDS):
            yield Known(between, missing, missing, 0)
        yield known
        at = known.start + QUARTER_SECONDS
    for between in range(at, first_label(end), QUARTER_SECONDS):
        yield Known(between, missing, missing, 0)


def first_label(start: int) -> int:
    """Beginning (s) of the first quarter that begins at `start` (µs) or later."""
    return -(-start // QUARTER) * QUARTER_SECONDS


def quarter_of(time: int) -> int:
    """Beginning (s) of the quarter that holds a time, µs."""
    return time // QUARTER * QUARTER_SECONDS


def sources_of(asset: Asset, start: int) -> list[dict[str, Any]]:
    """The readings that a quarter (its beginning, s) is made of: what each says, and how much of it counts there."""
    begin, end = start * MICROSECONDS, (start + QUARTER_SECONDS) * MICROSECONDS
    readings = span_around(asset.pk, begin, end - 1).readings
    found = []
    for reading, until in zip(readings, ends(readings, max_gap()), strict=True):
        inside = min(until, end) - max(reading.time, begin)
        if inside <= 0:
            continue
        whole = (reading.interval or until - reading.time) if reading.is_energy else 4 * QUARTER
        energy = None if reading.value is None else reading.value * inside / whole
        found.append(
            {
                "datetime": exactly_labelled(reading.time),
                "end": exactly_labelled(until),
                "value": reading.value,
                "units": "kWh" if reading.is_energy else "kW",
                "seconds": inside / MICROSECONDS,
                "energy": None if energy is None else shown(energy),
            }
        )
    return found


def history(asset: Asset, until: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beginnings (s), kWh and share covered (0 to 1) of the quarters that end up to `until`, µs."""
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    found = Quarter.objects.filter(asset=asset, start__lte=until // MICROSECONDS - QUARTER_SECONDS).order_by("start")
    rows = list(found.values_list("start", "energy", "covered"))
    start, energy, covered = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(start, np.int64), np.array(energy, float), np.array(covered, float) / QUARTER


def quarters_of_battery(battery_id: int) -> int:
    return Quarter.objects.filter(asset__battery_id=battery_id).count()


# --- all assets ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class TopUsers:
    """Numbers and kWh, most first; `start` (µs) is where the window begins, None where nothing is stored."""

    start: int | None
    users: list[tuple[int, float]]


def top_users(count: int, start: int | None = None, end: int | None = None, kind: str | None = None) -> TopUsers:
    """Those that used most in the quarters that begin in `start <= … < end`, µs."""
    first = None if start is not None else tables.first_quarter(connection)
    if start is None and first is None:
        return TopUsers(None, [])
    parts = parts_of(None if start is None else first_label(start), None if end is None else first_label(end))
    sums = tables.energy_by_asset(connection, parts, kind)
    ranked = sorted(((number, round(energy, DECIMALS)) for number, energy in sums), key=lambda it: (-it[1], it[0]))
    return TopUsers(start if first is None else first * MICROSECONDS, ranked[:count])


def parts_of(start: int | None, end: int | None) -> list[tuple[str, int, int]]:
    """A window of quarters (s) as (table, first, end): whole months, whole days beside them, and what is left."""
    first = -tables.FOREVER if start is None else start
    past = tables.FOREVER if end is None else end
    if first >= past:
        return []
    day_first = first if start is None else first + -first % tables.DAY
    day_end = past if end is None else past - past % tables.DAY
    if day_first >= day_end:
        return [(tables.QUARTERS, first, past)]
    month_first = day_first if start is None else tables.month_after(day_first)
    month_end = day_end if end is None else tables.month_of(day_end)
    if month_first < month_end:
        days = [(tables.DAYS, day_first, month_first), (tables.MONTHS, month_first, month_end),
                (tables.DAYS, month_end, day_end)]  # fmt: skip
    else:
        days = [(tables.DAYS, day_first, day_end)]
    parts = [(tables.QUARTERS, first, day_first), *days, (tables.QUARTERS, day_end, past)]
    return [part for part in parts if part[1] < part[2]]


RESOLUTIONS = {"quarter": tables.QUARTERS, "day": tables.DAYS, "month": tables.MONTHS}


@dataclass(frozen=True)
class FleetSum:
    """All assets of a kind together, in a span that begins at `start`, s."""

    start: int
    kind: str
    energy: float
    charged: float
    covered: int
    assets: int


def fleet_energy(start: int, end: int, resolution: str = "quarter") -> list[FleetSum]:
    """By kind, of the spans (RESOLUTIONS) that begin in `start <= … < end`, µs, in order."""
    rows = tables.fleet_sums(connection, RESOLUTIONS[resolution], _seconds_up(start), _seconds_up(end))
    return [FleetSum(*row) for row in rows]


def sums_of_asset(asset: Asset, start: int, end: int, resolution: str) -> list[FleetSum]:
    """One asset's spans (RESOLUTIONS) that begin in `start <= … < end`, s, in order."""
    kept = {"quarter": Quarter, "day": EnergyDay, "month": EnergyMonth}[resolution]._default_manager
    rows = kept.filter(asset=asset, start__gte=start, start__lt=end).order_by("start")
    return [
        FleetSum(begin, asset.kind, energy, charged, covered, 1)
        for begin, energy, charged, covered in rows.values_list("start", "energy", "charged", "covered")
    ]


def by_day(quarters: Iterable[FleetSum], zone: tzinfo) -> list[FleetSum]:
    """Sums of quarters, in order, by day of a zone; `assets` are the most at once."""
    days: dict[tuple[int, str], FleetSum] = {}
    begin = past = 0
    for each in quarters:
        if not begin <= each.start < past:
            begin, past = day_begin(each.start, zone), day_after(each.start, zone)
        day = days.get((begin, each.kind)) or FleetSum(begin, each.kind, 0.0, 0.0, 0, 0)
        days[begin, each.kind] = FleetSum(
            begin, each.kind, day.energy + each.energy, day.charged + each.charged, day.covered + each.covered,
            max(day.assets, each.assets),
        )  # fmt: skip
    return list(days.values())


def first_readings(start: int, end: int) -> list[float]:
    """When the first reading of each asset was, s, that began before a window (s) ended and has not ended before it."""
    told = Asset.objects.filter(first_time__lt=end * MICROSECONDS, last_time__gte=start * MICROSECONDS)
    return [first / MICROSECONDS for first in told.values_list("first_time", flat=True) if first is not None]


@dataclass(frozen=True)
class Used:
    """What an asset used in a window, kWh."""

    number: int
    name: str
    kind: str
    energy: float
    price: float | None
    currency: str

    @property
    def title(self) -> str:
        return self.name or f"{self.kind} {self.number}"

    @property
    def cost(self) -> float | None:
        return None if self.price is None else self.energy * self.price


def used_between(start: int, end: int) -> list[Used]:
    """All assets that used anything in the quarters that begin in `start <= … < end`, s, most first."""
    sums: dict[int, float] = dict(tables.energy_by_asset(connection, parts_of(start, end), None))
    assets = Asset.objects.values_list("number", "name", "kind", "price", "currency")
    found = [
        Used(number, name, kind, sums[number], price, currency)
        for number, name, kind, price, currency in assets
        if number in sums
    ]
    return sorted(found, key=lambda used: (-used.energy, used.number))


def known_span(asset: Asset | None) -> tuple[int, int] | None:
    """Where the first quarter of an asset, or of all, begins and where the last one ends, s."""
    if asset is None:
        first, last = tables.first_quarter(connection), tables.last_quarter(connection)
    else:
        told = Quarter.objects.filter(asset=asset).aggregate(first=Min("start"), last=Max("start"))
        first, last = told["first"], told["last"]
    return None if first is None or last is None else (first, last + QUARTER_SECONDS)


def present_end(asset: Asset | None, span: tuple[int, int]) -> int:
    """Where what is known ends, s, as `known_span` tells it; but of all assets no later than now.

    One asset whose clock runs ahead (a simulated one lives years in a day) must not hide the others; where all do, the
    newest quarter counts.
    """
    now = int(unix_time()) // QUARTER_SECONDS * QUARTER_SECONDS + QUARTER_SECONDS
    if asset is not None or span[1] <= now:
        return span[1]
    newest = Asset.objects.filter(last_time__lt=now * MICROSECONDS).order_by("-last_time").first()
    of_newest = known_span(newest) if newest is not None else None
    return span[1] if of_newest is None else of_newest[1]


def _seconds_up(instant: int) -> int:
    return -(-instant // MICROSECONDS)


def newest_reading() -> int | None:
    """Time (µs) of the newest reading of all assets; of those that tell of a time to come only where all do."""
    told = Asset.objects.filter(last_time__isnull=False).order_by("-last_time").values_list("last_time", flat=True)
    by_now = told.filter(last_time__lte=int(unix_time() * MICROSECONDS)).first()
    return told.first() if by_now is None else by_now


def newest_forecast(asset: Asset | None) -> EnergyForecast | None:
    """Of an asset, or of all together."""
    return EnergyForecast.objects.filter(asset=asset).order_by("-id").first()


# --- numbers as they are shown -------------------------------------------------------------------------------------
def shown(energy: float) -> int | float:
    """Six decimals; a whole number without `.0`.

    >>> shown(3.0), shown(2 / 3)
    (3, 0.666667)
    """
    rounded = round(energy, DECIMALS)
    return int(rounded) if rounded.is_integer() and abs(rounded) <= MOST_SHOWN_EXACTLY else rounded


def exactly_labelled(time: int) -> str:
    """A time in µs, with its fraction of a second where it has one."""
    whole, rest = divmod(time, MICROSECONDS)
    return labelled(whole) if not rest else f"{labelled(whole)[:-1]}.{rest:06d}Z"
