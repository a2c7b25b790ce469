"""Reading a cell's parameters from loose values (a form, JSON), with every complaint at once, by field."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from energykit.ocv import INTERPOLATIONS, complaints_about_knots
from energykit.ukf.covariance import is_positive_definite
from energykit.ukf.layout import Layout

MOST_RC_PAIRS = 2
LEAST_GATE = 1.0  # closer in, a third of all honest voltages would be doubted
LARGEST_ACTIVATION = 200_000.0  # J/mol
LARGEST_CAPACITY_PER_KELVIN = 0.05
REFERENCE_TEMPERATURES = (-50.0, 100.0)  # °C
LARGEST_ASYMMETRY = 1e-9

Complaints = dict[str, str]


class WrongShape(Exception):
    """A loose value that is not of the kind its field needs; its text is the complaint."""


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongShape("This must be a number.")
    if not math.isfinite(value):
        raise WrongShape("This must be a finite number.")
    return float(value)


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongShape("This must be true or false.")
    return value


def interpolation(value: Any) -> str:
    if value not in INTERPOLATIONS:
        raise WrongShape(f"This must be one of {', '.join(INTERPOLATIONS)}.")
    return str(value)


def numbers(value: Any) -> tuple[float, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise WrongShape("This must be a list of numbers.")
    try:
        return tuple(number(each) for each in value)
    except WrongShape:
        raise WrongShape("This must be a list of finite numbers.") from None


def rc_pairs(value: Any) -> tuple[tuple[float, float], ...]:
    """A list of `{"ohm": …, "farad": …}` or of pairs (ohm, farad)."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise WrongShape('This must be a list like [{"ohm": 0.015, "farad": 2000}].')
    pairs = []
    for each in value:
        if isinstance(each, Mapping) and set(each) == {"ohm", "farad"}:
            each = (each["ohm"], each["farad"])
        pair = numbers(each)
        if len(pair) != 2:
            raise WrongShape("Each RC pair needs two numbers, ohm and farad.")
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def covariance(value: Any) -> tuple[tuple[float, ...], ...]:
    """A full matrix, or the variances of its diagonal alone."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise WrongShape("This must be a list of variances, or a square matrix as a list of rows.")
    if any(isinstance(each, Sequence) for each in value):
        return tuple(numbers(row) for row in value)
    variances = numbers(value)
    return tuple(
        tuple(variance if row == column else 0.0 for column in range(len(variances)))
        for row, variance in enumerate(variances)
    )


READERS: dict[str, Callable[[Any], Any]] = {
    "capacity_ah": number,
    "r0_ohm": number,
    "rc_pairs": rc_pairs,
    "ocv_soc": numbers,
    "ocv_voltage": numbers,
    "ocv_interpolation": interpolation,
    "has_hysteresis": truth,
    "hysteresis_seconds": number,
    "coulombic_efficiency": number,
    "initial_soc": number,
    "initial_rc_currents_a": numbers,
    "initial_hysteresis_v": number,
    "initial_covariance": covariance,
    "process_noise_per_second": numbers,
    "process_noise": numbers,
    "sensor_variance": number,
    "gate_sigmas": number,
    "r0_activation_energy_j_mol": number,
    "capacity_per_kelvin": number,
    "reference_temperature_c": number,
}

LIMITS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("capacity_ah", lambda value: value > 0, "The capacity must be above 0 Ah."),
    ("r0_ohm", lambda value: value > 0, "The series resistance must be above 0 Ω."),
    ("rc_pairs", lambda value: len(value) <= MOST_RC_PAIRS, "At most two RC pairs can be estimated."),
    ("hysteresis_seconds", lambda value: value >= 0, "A time constant is above 0 s; 0 for an offset that stays."),
    ("coulombic_efficiency", lambda value: 0 < value <= 1, "The coulombic efficiency lies above 0 and up to 1."),
    ("initial_soc", lambda value: 0 <= value <= 1, "SOC is a fraction from 0 (empty) to 1 (full)."),
    ("sensor_variance", lambda value: value > 0, "The variance of the voltage sensor must be above 0 V²."),
    ("ocv_interpolation", lambda value: value in INTERPOLATIONS, f"This must be one of {', '.join(INTERPOLATIONS)}."),
    (
        "gate_sigmas",
        lambda value: value == 0 or value >= LEAST_GATE,
        f"A gate stands at {LEAST_GATE:g} sigma or further out, often at 4; 0 is no gate.",
    ),
    (
        "r0_activation_energy_j_mol",
        lambda value: 0 <= value <= LARGEST_ACTIVATION,
        f"The activation energy lies from 0 (no dependence) to {LARGEST_ACTIVATION:g} J/mol.",
    ),
    (
        "capacity_per_kelvin",
        lambda value: abs(value) <= LARGEST_CAPACITY_PER_KELVIN,
        f"A share a kelvin, at most {LARGEST_CAPACITY_PER_KELVIN:g}; half a per cent a kelvin is 0.005.",
    ),
    (
        "reference_temperature_c",
        lambda value: REFERENCE_TEMPERATURES[0] <= value <= REFERENCE_TEMPERATURES[1],
        "The reference temperature is in °C, from -50 to 100.",
    ),
)


def read_fields(loose: Mapping[str, Any]) -> tuple[dict[str, Any], Complaints]:
    """The values that could be read, and complaints about those that could not."""
    values: dict[str, Any] = {}
    complaints: Complaints = {}
    for name, value in loose.items():
        if name not in READERS:
            complaints[name] = f"There is no such parameter; there are {', '.join(READERS)}."
            continue
        try:
            values[name] = READERS[name](value)
        except WrongShape as wrong:
            complaints[name] = str(wrong)
    return values, complaints


def complaint_about_absence(name: str) -> str:
    if name.startswith("ocv_"):
        return "This is needed: knots of your own, or choose a preset, which brings a table."
    return "This is needed; a preset brings a typical value."


def complaints_about(values: Mapping[str, Any]) -> Complaints:
    """What is wrong with values already of the right kind; a field that is not there is not judged."""
    complaints: Complaints = {}
    for name, holds, complaint in LIMITS:
        if name in values and not holds(values[name]):
            complaints[name] = complaint
    if any(part <= 0 for pair in values.get("rc_pairs", ()) for part in pair):
        complaints["rc_pairs"] = "Resistance and capacitance of an RC pair must be above 0."
    if "ocv_soc" in values and "ocv_voltage" in values:
        complaints |= complaints_about_knots(values["ocv_soc"], values["ocv_voltage"])
    if "rc_pairs" in values and "rc_pairs" not in complaints:
        complaints |= _complaints_about_sizes(
            values, Layout(len(values["rc_pairs"]), values.get("has_hysteresis", True))
        )
    if values.get("initial_hysteresis_v") and not values.get("has_hysteresis", True):
        complaints["initial_hysteresis_v"] = "There is no hysteresis to begin with; make it 0 or let there be one."
    if values.get("hysteresis_seconds") and not values.get("has_hysteresis", True):
        complaints["hysteresis_seconds"] = "There is no hysteresis that could fade; make it 0 or let there be one."
    return complaints


def _complaints_about_sizes(values: Mapping[str, Any], layout: Layout) -> Complaints:
    pairs, states = layout.pairs, layout.states
    complaints: Complaints = {}
    if len(values.get("initial_rc_currents_a") or (0.0,) * pairs) != pairs:
        complaints["initial_rc_currents_a"] = f"There must be one current for each of the {pairs} RC pairs."
    for name in ("process_noise", "process_noise_per_second"):
        noise = values.get(name) or (0.0,) * states
        if len(noise) != states:
            names = ", ".join(layout.state_names)
            complaints[name] = f"There must be {states} variances, one for each of {names}; there are {len(noise)}."
        elif min(noise) < 0:
            complaints[name] = "A variance cannot be below 0."
    matrix = values.get("initial_covariance")
    if matrix:
        complaint = _complaint_about_covariance(matrix, states)
        if complaint:
            complaints["initial_covariance"] = complaint
    return complaints


def _complaint_about_covariance(matrix: Sequence[Sequence[float]], states: int) -> str:
    if len(matrix) != states or any(len(row) != states for row in matrix):
        return f"This must be {states} variances or a {states} × {states} matrix, one row for each state."
    for row in range(states):
        for column in range(row):
            scale = math.sqrt(abs(matrix[row][row] * matrix[column][column]))
            if abs(matrix[row][column] - matrix[column][row]) > LARGEST_ASYMMETRY * scale:
                return "A covariance must be symmetric."
    if not is_positive_definite(
        [matrix[row][column] for row in range(states) for column in range(row, states)], states
    ):
        return "A covariance must be positive definite: variances above 0, correlations between -1 and 1."
    return ""
