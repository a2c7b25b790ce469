"""What one battery's joint filter must know: the cell, where it starts, and how far to trust model and sensor."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import Any, Self

from energykit.errors import InvalidParameters
from energykit.ocv import INTERPOLATIONS, OcvTable
from energykit.ukf.checks import complaint_about_absence, complaints_about, read_fields
from energykit.ukf.defaults import SENSOR_STD_V, diagonal, initial_variances, variances_per_second
from energykit.ukf.layout import Layout


def described(
    title: str, unit: str, explanation: str, default: Any = MISSING, choices: tuple[str | bool, ...] = ()
) -> Any:
    """A field that a form can label: title, unit ("" where there is none) and a sentence."""
    metadata = {"title": title, "unit": unit, "explanation": explanation, "choices": choices}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class JointFilterParameters:
    """One battery's joint unscented filter over (soc, [i_rc…], [hyst], q_t, r0); raises InvalidParameters.

    Capacity and resistance are estimated too, starting at `capacity_ah` and `r0_ohm`. Covariance, noise and RC currents
    that are left out (empty) are filled in from the cell (see defaults.py), so that `to_mapping` is complete. Of the
    two noises one that is given stands alone; noise per second is derived where both are left out.
    """

    capacity_ah: float = described("Capacity", "Ah", "Charge between full and empty, as new or as last measured.")
    r0_ohm: float = described("Series resistance", "Ω", "Immediate voltage step divided by the current step.")
    ocv_soc: tuple[float, ...] = described(
        "OCV table: SOC", "", "Rising knots from 0 (empty) to 1 (full); extended linearly beyond the ends."
    )
    ocv_voltage: tuple[float, ...] = described("OCV table: voltage", "V", "Open-circuit voltage at each SOC knot.")
    ocv_interpolation: str = described(
        "OCV between knots",
        "",
        "Straight lines, or a smooth curve that rises wherever the knots rise: better for a table of few knots.",
        "linear",
        choices=INTERPOLATIONS,
    )
    rc_pairs: tuple[tuple[float, float], ...] = described(
        "RC pairs", "Ω, F", "None, one or two pairs for the slow part of a voltage step: resistance, capacitance.", ()
    )
    has_hysteresis: bool = described(
        "Hysteresis",
        "",
        "Whether to estimate a slowly wandering offset of the voltage; without it there is one state less.",
        True,
        choices=(True, False),
    )
    hysteresis_seconds: float = described(
        "Time constant of the hysteresis",
        "s",
        "Within which the offset fades, so that it stands for errors of the model that come and go; 0: it stays.",
        0.0,
    )
    coulombic_efficiency: float = described(
        "Coulombic efficiency", "", "Share of the charge put in that stays in; counts while charging only.", 1.0
    )
    initial_soc: float = described("Initial SOC", "", "State of charge at the first row, 0 to 1.", 0.5)
    initial_rc_currents_a: tuple[float, ...] = described(
        "Initial RC currents", "A", "Through the resistor of each RC pair at the first row; 0 after a rest.", ()
    )
    initial_hysteresis_v: float = described(
        "Initial hysteresis", "V", "Offset of the cell's voltage from the OCV table at the first row.", 0.0
    )
    initial_covariance: tuple[tuple[float, ...], ...] = described(
        "Initial covariance",
        "squares of the states' units",
        "Doubt about each state at the first row: variances in the order of the states, or a full matrix.",
        (),
    )
    process_noise_per_second: tuple[float, ...] = described(
        "Process noise per second",
        "squares of the states' units, per second",
        "Variance that each state gains a second, the same at any logging interval; more follows faster and is less "
        "sure. What an RC current or a hysteresis that fades gains, it loses again within its time constant.",
        (),
    )
    process_noise: tuple[float, ...] = described(
        "Process noise per row",
        "squares of the states' units, per row",
        "Variance that each state gains with every row, beside that per second; 0 where that one is used.",
        (),
    )
    sensor_variance: float = described(
        "Sensor variance",
        "V²",
        "Variance of measured voltage about the model's, the model's own error included.",
        SENSOR_STD_V**2,
    )
    gate_sigmas: float = described(
        "Gate",
        "sigma",
        "A voltage further than so many standard deviations off counts less, the less the further; 0 for no gate.",
        0.0,
    )
    r0_activation_energy_j_mol: float = described(
        "Activation energy of the series resistance",
        "J/mol",
        "How resistance falls with temperature (Arrhenius), often 15000 to 40000; 0 where it does not.",
        0.0,
    )
    capacity_per_kelvin: float = described(
        "Capacity per kelvin",
        "1/K",
        "Share of the capacity gained with each kelvin, such as 0.005; 0 where it does not depend on temperature.",
        0.0,
    )
    reference_temperature_c: float = described(
        "Reference temperature",
        "°C",
        "At which the estimated capacity and resistance hold; a row without a temperature counts as being at it.",
        25.0,
    )

    def __post_init__(self) -> None:
        pairs, states = len(self.rc_pairs), self.layout.states
        cell = self.capacity_ah, self.r0_ohm, self.layout, self.hysteresis_seconds
        if not self.initial_rc_currents_a:
            object.__setattr__(self, "initial_rc_currents_a", (0.0,) * pairs)
        if not self.initial_covariance:
            object.__setattr__(self, "initial_covariance", diagonal(initial_variances(*cell)))
        if not self.process_noise_per_second:
            noise = (0.0,) * states if self.process_noise else variances_per_second(*cell)
            object.__setattr__(self, "process_noise_per_second", noise)
        if not self.process_noise:
            object.__setattr__(self, "process_noise", (0.0,) * states)
        complaints = complaints_about(vars(self))
        if complaints:
            raise InvalidParameters(complaints)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """From JSON or a form; raises InvalidParameters with every complaint at once, by field."""
        values, complaints = read_fields(mapping)
        needed = [each.name for each in fields(cls) if each.default is MISSING]
        missing = {name: complaint_about_absence(name) for name in needed if name not in mapping}
        complaints = missing | complaints_about(values) | complaints
        if complaints:
            raise InvalidParameters(complaints)
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready and complete: `from_mapping` of it gives equal parameters."""
        mapping = {each.name: _as_lists(getattr(self, each.name)) for each in fields(self)}
        mapping["rc_pairs"] = [{"ohm": ohm, "farad": farad} for ohm, farad in self.rc_pairs]
        return mapping

    @property
    def state_names(self) -> tuple[str, ...]:
        """In the order of means and covariances, called as Moirae calls them."""
        return self.layout.state_names

    @property
    def layout(self) -> Layout:
        return Layout(len(self.rc_pairs), self.has_hysteresis, self.hysteresis_seconds > 0)

    @property
    def initial_mean(self) -> tuple[float, ...]:
        return (
            self.initial_soc,
            *self.initial_rc_currents_a,
            *((self.initial_hysteresis_v,) if self.has_hysteresis else ()),
            self.capacity_ah,
            self.r0_ohm,
        )

    @cached_property
    def ocv(self) -> OcvTable:
        return OcvTable(soc=self.ocv_soc, voltage=self.ocv_voltage, interpolation=self.ocv_interpolation)

    @property
    def needs_temperature(self) -> bool:
        """Whether the temperatures of rows make a difference."""
        return self.r0_activation_energy_j_mol != 0 or self.capacity_per_kelvin != 0


def _as_lists(value: Any) -> Any:
    return [_as_lists(each) for each in value] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class FieldDescription:
    """How a form shows one parameter; `default` is None where a value is needed, `choices` empty where any will do."""

    name: str
    title: str
    unit: str
    explanation: str
    is_needed: bool
    default: Any
    choices: tuple[str | bool, ...]


def field_descriptions() -> list[FieldDescription]:
    """Every parameter in the order of a form."""
    return [
        FieldDescription(
            name=each.name,
            title=each.metadata["title"],
            unit=each.metadata["unit"],
            explanation=each.metadata["explanation"],
            is_needed=each.default is MISSING,
            default=None if each.default is MISSING else _as_lists(each.default),
            choices=each.metadata["choices"],
        )
        for each in fields(JointFilterParameters)
    ]
