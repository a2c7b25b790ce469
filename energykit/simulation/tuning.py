"""Filter noises for a cell that is recorded on one day a month."""

from energykit.presets import Preset
from energykit.ukf.parameters import JointFilterParameters

# Found by trial on 36 simulated cells of three chemistries and duties over 5 years: with these each cell's 95 % bands
# of SOC, capacity and resistance held the truth in at least 90 % of rows, at a mean NIS of 0.8 to 0.9. Capacity and
# resistance must follow in some 170 rows what a month of ageing did; the flat OCV of LFP asks for the doubt about SOC.
SENSOR_STD_V = 2e-3
SOC_STD = 6e-4
RC_CURRENT_STD_C_RATE = 2e-3
HYSTERESIS_STD_V = 1e-5
CAPACITY_STD_SHARE = 5e-4
R0_STD_SHARE = 1.2e-3


def parameters_for_sparse_rows(preset: Preset, capacity_ah: float, initial_soc: float) -> JointFilterParameters:
    mapping = preset.parameters(capacity_ah)
    process_noise = [
        SOC_STD**2,
        (RC_CURRENT_STD_C_RATE * capacity_ah) ** 2,
        HYSTERESIS_STD_V**2,
        (CAPACITY_STD_SHARE * capacity_ah) ** 2,
        (R0_STD_SHARE * mapping["r0_ohm"]) ** 2,
    ]
    own = {"initial_soc": initial_soc, "process_noise": process_noise, "sensor_variance": SENSOR_STD_V**2}
    return JointFilterParameters.from_mapping(mapping | own)
