"""Cells to begin with: a mapping that `JointFilterParameters.from_mapping` accepts, for each common chemistry.

The OCV tables have the typical shape of each chemistry against graphite at 25 °C; none is a datasheet. A cell of your
own deserves its own table: 10 mV of error on a flat stretch of the curve are several per cent of SOC.
"""

from dataclasses import dataclass
from typing import Any

REFERENCE_CAPACITY_AH = 2.5


@dataclass(frozen=True)
class Preset:
    """A typical cell; resistances are for `REFERENCE_CAPACITY_AH` and fall as the capacity grows."""

    key: str
    title: str
    description: str
    ocv_soc: tuple[float, ...]
    ocv_voltage: tuple[float, ...]
    r0_ohm: float
    rc_ohm: float
    rc_seconds: float
    lowest_voltage: float
    highest_voltage: float

    def parameters(self, capacity_ah: float = REFERENCE_CAPACITY_AH) -> dict[str, Any]:
        """Of a cell of this capacity (Ah); everything else of the filter takes its default."""
        share = REFERENCE_CAPACITY_AH / capacity_ah
        rc_ohm = self.rc_ohm * share
        return {
            "capacity_ah": capacity_ah,
            "r0_ohm": self.r0_ohm * share,
            "rc_pairs": [{"ohm": rc_ohm, "farad": self.rc_seconds / rc_ohm}],
            "ocv_soc": list(self.ocv_soc),
            "ocv_voltage": list(self.ocv_voltage),
            # At a sharp knee the filter's points on both sides disagree, and in thousands of rows at rest there it
            # grows sure of a wrong SOC (seen on simulated cells): so the knots are joined by a smooth curve.
            "ocv_interpolation": "cubic",
            "coulombic_efficiency": 1.0,
            "initial_soc": 0.5,
        }


PRESETS: dict[str, Preset] = {
    preset.key: preset
    for preset in (
        Preset(
            key="nmc",
            title="NMC (nickel manganese cobalt)",
            description="Cars, tools, home storage. The voltage slopes all the way, so SOC is well visible in it.",
            ocv_soc=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
            ocv_voltage=(3.0, 3.32, 3.45, 3.55, 3.6, 3.64, 3.69, 3.78, 3.88, 3.98, 4.07, 4.12, 4.18),
            r0_ohm=0.03,
            rc_ohm=0.015,
            rc_seconds=40.0,
            lowest_voltage=2.7,
            highest_voltage=4.2,
        ),
        Preset(
            key="nca",
            title="NCA (nickel cobalt aluminium)",
            description="High-energy cylindrical cells of cars. Slopes like NMC, a little lower when nearly empty.",
            ocv_soc=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
            ocv_voltage=(2.9, 3.2, 3.35, 3.48, 3.57, 3.65, 3.74, 3.83, 3.92, 4.01, 4.07, 4.1, 4.17),
            r0_ohm=0.028,
            rc_ohm=0.014,
            rc_seconds=35.0,
            lowest_voltage=2.6,
            highest_voltage=4.2,
        ),
        Preset(
            key="lfp",
            title="LFP (lithium iron phosphate)",
            description=(
                "Grid and home storage, buses. Nearly flat between 20 and 90 % SOC: there the filter counts charge, "
                "and learns SOC and capacity only near the ends. Expect wide bands from a cell that stays between."
            ),
            ocv_soc=(0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0),
            ocv_voltage=(2.75, 2.95, 3.1, 3.19, 3.24, 3.27, 3.287, 3.297, 3.32, 3.33, 3.334, 3.35, 3.45),
            r0_ohm=0.02,
            rc_ohm=0.012,
            rc_seconds=60.0,
            lowest_voltage=2.5,
            highest_voltage=3.6,
        ),
        Preset(
            key="lco",
            title="LCO (lithium cobalt oxide)",
            description="Phones, laptops, and many cells in public laboratory data. Slopes gently from 3.6 V upwards.",
            ocv_soc=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
            ocv_voltage=(3.2, 3.55, 3.66, 3.72, 3.76, 3.79, 3.83, 3.89, 3.96, 4.04, 4.11, 4.15, 4.19),
            r0_ohm=0.05,
            rc_ohm=0.02,
            rc_seconds=45.0,
            lowest_voltage=2.7,
            highest_voltage=4.2,
        ),
    )
}
