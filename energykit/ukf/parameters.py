"""What one battery's joint filter must know: the cell, where it starts, and how far to trust model and sensor."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import Any, Self

from energykit.errors import InvalidParameters
from energykit.ocv import OcvTable
from energykit.ukf.checks import complaints_about, read_fields
from energykit.ukf.defaults import diagonal, initial_variances, step_variances


def described(title: str, unit: str, explanation: str, default: Any = MISSING) -> Any:
    """A field that a form can label: title, unit ("" where there is none) and a sentence."""
    return field(default=default, metadata={"title": title, "unit": unit, "explanation": explanation})


@dataclass(frozen=True, kw_only=True)
class JointFilterParameters:
    """One battery's joint unscented filter over (soc, [i_rc…], hyst, q_t, r0); raises InvalidParameters.

    Capacity and resistance are estimated too, starting at `capacity_ah` and `r0_ohm`. Covariance, noise and RC currents
    that are left out (empty) are filled in from the cell (see defaults.py), so that `to_mapping` is complete.
    """

    capacity_ah: float = described("Capacity", "Ah", "Charge between full and empty, as new or as last measured.")
    r0_ohm: float = described("Series resistance", "Ω", "Immediate voltage step divided by the current step.")
    ocv_soc: tuple[float, ...] = described(
        "OCV table: SOC", "", "Rising knots from 0 (empty) to 1 (full); extended linearly beyond the ends."
    )
    ocv_voltage: tuple[float, ...] = described("OCV table: voltage", "V", "Open-circuit voltage at each SOC knot.")
    rc_pairs: tuple[tuple[float, float], ...] = described(
        "RC pairs", "Ω, F", "None, one or two pairs for the slow part of a voltage step: resistance, capacitance.", ()
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
    process_noise: tuple[float, ...] = described(
        "Process noise",
        "squares of the states' units, per row",
        "Variance that each state gains with every row; more follows faster and is less sure.",
        (),
    )
    sensor_variance: float = described(
        "Sensor variance",
        "V²",
        "Variance of measured voltage about the model's, the model's own error included.",
        2.5e-5,
    )

    def __post_init__(self) -> None:
        pairs = len(self.rc_pairs)
        if not self.initial_rc_currents_a:
            object.__setattr__(self, "initial_rc_currents_a", (0.0,) * pairs)
        if not self.initial_covariance:
            variances = initial_variances(self.capacity_ah, self.r0_ohm, pairs)
            object.__setattr__(self, "initial_covariance", diagonal(variances))
        if not self.process_noise:
            object.__setattr__(self, "process_noise", step_variances(self.capacity_ah, self.r0_ohm, pairs))
        complaints = complaints_about(vars(self))
        if complaints:
            raise InvalidParameters(complaints)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """From JSON or a form; raises InvalidParameters with every complaint at once, by field."""
        values, complaints = read_fields(mapping)
        needed = [each.name for each in fields(cls) if each.default is MISSING]
        missing = {name: "This is needed." for name in needed if name not in mapping}
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
        pairs = len(self.rc_pairs)
        rc_names = ("i_rc",) if pairs == 1 else tuple(f"i_rc[{pair}]" for pair in range(pairs))
        return ("soc", *rc_names, "hyst", "q_t.base_values", "r0.base_values")

    @property
    def initial_mean(self) -> tuple[float, ...]:
        return (
            self.initial_soc,
            *self.initial_rc_currents_a,
            self.initial_hysteresis_v,
            self.capacity_ah,
            self.r0_ohm,
        )

    @cached_property
    def ocv(self) -> OcvTable:
        return OcvTable(soc=self.ocv_soc, voltage=self.ocv_voltage)


def _as_lists(value: Any) -> Any:
    return [_as_lists(each) for each in value] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class FieldDescription:
    """How a form shows one parameter; `default` is None where a value is needed."""

    name: str
    title: str
    unit: str
    explanation: str
    is_needed: bool
    default: Any


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
        )
        for each in fields(JointFilterParameters)
    ]
