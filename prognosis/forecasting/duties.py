"""What a load does to the battery, for the ageing model: SOC, current and temperature over one round of each phase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from energykit.prognosis.duty import USUAL_VOLTAGE, Duty, soc_from_load
from prognosis.forecasting.layout import columns_of_phase
from prognosis.forecasting.load import Load
from prognosis.forecasting.past import Past
from prognosis.forecasting.phases import Phase
from prognosis.forecasting.profile import Profile
from prognosis.forecasting.recorded import Record

ROOM_TEMPERATURE = 25.0  # °C, where nobody tells one
LONGEST_STEP_SECONDS = 1800.0
MOST_STEPS = 5000
MOST_UNROLLED = 50_000  # steps
ROUNDING = 1e-9
USUAL_SOC = 0.5
HOUR = 3600.0

Records = Callable[[Phase], Record]


def duty_of_record(record: Record, past: Past, end: float) -> Duty:
    """What the rows say, as a past duty that ends at test_time `end`, s."""
    profile = record.profile
    times = np.append(profile.times, record.seconds)
    current = _held(profile.columns["current"])
    soc = _held(record.soc) if record.soc is not None else _settled_soc(times, current, past, is_repeated=False)
    return Duty(
        times + (end - record.seconds), soc, current, _held(_temperature_of(profile)), past.capacity_ah, record.seconds
    )


def duties_of(load: Load, past: Past, records: Records, usual: Record | None) -> list[Duty]:
    """A future duty for each phase, one round of it; time alone goes on as `usual`, or rests where that is unknown."""
    duties = []
    for phase, start, end in load.spans:
        if end > start:
            is_last = end >= load.ahead_time
            duty = _duty(phase, end - start, past, records, usual, None if is_last else end - start)
            duties.append(_unrolled(duty, phase, end - start))
    return duties


def throughput_ahead(duties: Sequence[Duty], ahead_s: np.ndarray) -> np.ndarray:
    """Ah moved, in and out together, by each of these times, s from now."""
    total, start = np.zeros(len(ahead_s)), 0.0
    for duty in duties:
        moved = np.concatenate([[0.0], np.cumsum(np.abs(duty.current_a[:-1]) * np.diff(duty.time_s))]) / HOUR
        within = np.clip(ahead_s - start, 0.0, duty.lasts_s)
        rounds = np.floor(within / duty.seconds)
        total += rounds * moved[-1] + np.interp(within - rounds * duty.seconds, duty.time_s - duty.time_s[0], moved)
        start += duty.lasts_s or 0.0
    return total


def _duty(
    phase: Phase, seconds: float, past: Past, records: Records, usual: Record | None, lasts: float | None
) -> Duty:
    record = records(phase) if phase.is_recorded else None
    if record is None and phase.profile is None and not phase.constants:
        record = usual
    if record is None:
        return _from_profile(phase, seconds, past, usual, lasts)
    columns = dict(record.profile.columns)
    times = np.append(record.profile.times, record.seconds)
    if phase.max_c_rate is not None:
        asked = Phase(profile=record.profile, repeat=record.seconds, max_c_rate=phase.max_c_rate)
        columns = columns_of_phase(asked, times, None, past.capacity_ah)
    current = _held(columns["current"])
    if record.soc is not None and phase.dataset is None:
        # As estimated, but for what is charged at other times than it was.
        other = (columns["current"] - record.profile.columns["current"]) * np.diff(times) / (past.capacity_ah * HOUR)
        soc = np.clip(_held(record.soc) + np.concatenate([[0.0], np.cumsum(other)]), 0.0, 1.0)
    else:
        soc = _settled_soc(times, current, past, is_repeated=False)
    warmth = _temperature(phase, times, _temperature_of(record.profile, usual))
    return Duty(times, soc, current, _held(warmth), past.capacity_ah, lasts)


def _unrolled(duty: Duty, phase: Phase, seconds: float) -> Duty:
    """As many rounds as a longer temperature profile lasts, or as the phase does, each with the warmth of its time.

    Where these would be too many rows, fewer rounds are spread over the profile; on the whole they are as warm.
    """
    whole = min(phase.temperature_period or 0.0, seconds)
    wanted = int(np.ceil(whole / duty.seconds * (1.0 - ROUNDING)))
    steps = len(duty.time_s) - 1
    rounds = min(wanted, max(1, MOST_UNROLLED // steps))
    if wanted <= 1:
        return duty
    begins = np.repeat(np.arange(rounds) * duty.seconds, steps)
    times = np.append(np.tile(duty.time_s[:-1] - duty.time_s[0], rounds) + begins, rounds * duty.seconds)
    soc, current = (np.append(np.tile(column[:-1], rounds), column[-1]) for column in (duty.soc, duty.current_a))
    warmth = _temperature(phase, times * (wanted / rounds), np.zeros(len(times) - 1))
    return replace(duty, time_s=times, soc=soc, current_a=current, temperature_c=_held(warmth))


def _from_profile(phase: Phase, seconds: float, past: Past, usual: Record | None, lasts: float | None) -> Duty:
    if phase.profile is not None:
        own = phase.repeat if phase.repeat is not None else min(phase.profile.end, seconds)
    else:
        own = min(phase.temperature_period or seconds, seconds)
        if own < _seconds_to_end(phase, past):  # no round is like the next before the battery is full or empty
            own = seconds
    edges = _edges(phase, own, past)
    columns = columns_of_phase(phase, edges, None, past.capacity_ah)
    current = columns.get("current")
    voltage = (usual.mean_voltage if usual else None) or USUAL_VOLTAGE
    if current is None:
        current = columns["power"] / voltage if "power" in columns else np.zeros(len(edges) - 1)
    warmth = columns.get("temperature")
    if warmth is None:
        mean = float(np.mean(_temperature_of(usual.profile))) if usual else ROOM_TEMPERATURE
        warmth = np.full(len(edges) - 1, mean + phase.temperature_offset)
    soc = _settled_soc(edges, _held(current), past, is_repeated=own < seconds)
    served = np.append(np.diff(soc) * past.capacity_ah * HOUR / np.diff(edges), 0.0)  # a full battery takes no more
    return Duty(edges, soc, served, _held(warmth), past.capacity_ah, lasts)


def _edges(phase: Phase, seconds: float, past: Past) -> np.ndarray:
    """Times of one round: where the profile changes, and often enough between that a full battery is seen in time."""
    steps = int(min(MOST_STEPS, max(2, np.ceil(seconds / LONGEST_STEP_SECONDS))))
    edges = [np.linspace(0.0, seconds, steps + 1)]
    if phase.profile is not None:
        times = phase.profile.times
        edges.append(times[(times > 0) & (times < seconds)])
    elif phase.constants.get("current"):
        # Long before the end of years it is full or empty: when, is worth a step of its own.
        full_after = past.capacity_ah * HOUR / abs(phase.constants["current"])
        edges.append(np.linspace(0.0, min(full_after, seconds), 50)[1:])
    return np.unique(np.concatenate(edges))


def _seconds_to_end(phase: Phase, past: Past) -> float:
    """Until a constant load has filled or emptied the battery; 0 where it does neither."""
    current = phase.constants.get("current", phase.constants.get("power", 0.0) / USUAL_VOLTAGE)
    if not current:
        return 0.0
    soc = _soc_now(past)
    return (1.0 - soc if current > 0 else soc) * past.capacity_ah * HOUR / abs(current)


def _soc_now(past: Past) -> float:
    return past.soc if past.soc is not None and np.isfinite(past.soc) else USUAL_SOC


def _settled_soc(times: np.ndarray, current: np.ndarray, past: Past, is_repeated: bool) -> np.ndarray:
    """SOC from the newest estimate on; what is repeated is taken from its second round, when it has settled."""
    outcome = soc_from_load(times, _soc_now(past), past.capacity_ah, current)
    if not is_repeated:
        return outcome.soc
    return soc_from_load(times, float(outcome.soc[-1]), past.capacity_ah, current).soc


def _temperature(phase: Phase, edges: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    if phase.temperature is not None or phase.temperature_profile is not None:
        own = Phase(temperature=phase.temperature, temperature_profile=phase.temperature_profile)
        recorded = columns_of_phase(own, edges)["temperature"]
    return recorded + phase.temperature_offset


def _temperature_of(profile: Profile, other: Record | None = None) -> np.ndarray:
    found = profile.columns.get("temperature")
    if found is not None:
        return found
    elsewhere = other.profile.columns.get("temperature") if other else None
    mean = float(np.mean(elsewhere)) if elsewhere is not None else ROOM_TEMPERATURE
    return np.full(len(profile.times), mean)


def _held(values: np.ndarray) -> np.ndarray:
    """With one value more, for the end of the last step."""
    return np.append(values, values[-1:])
